// The process of the far ends of live views, as it is told what to do, and tells what it saw.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { now, type Order, type Word } from "./sse-clients";

/** The clients' process. */
export class Far {
  private readonly child: ChildProcess;
  private readonly words: Word[] = [];
  private wake = (): void => undefined;

  public constructor() {
    this.child = fork(join(__dirname, "sse-clients.ts"), { execArgv: ["--import", "tsx"] });
    this.child.on("message", (word: Word) => {
      this.words.push(word);
      this.wake();
    });
    this.child.once("exit", () => this.wake());
  }

  public ask(order: Order): void {
    this.child.send(order);
  }

  /** What the clients say next that `is` takes; what they said before is forgotten. */
  public async told<T>(what: string, is: (word: Word) => T | undefined, limitMs = 60_000): Promise<T> {
    const deadline = now() + limitMs;
    for (;;) {
      for (let word = this.words.shift(); word !== undefined; word = this.words.shift()) {
        const told = is(word);
        if (told !== undefined) return told;
      }
      const left = deadline - now();
      if (left <= 0 || this.child.exitCode !== null) throw new Error(`the clients never said ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  public end(): void {
    this.child.kill();
  }
}
