// A root shell inside a machine, on its second serial port (see tools/vm-image.sh).
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Answer {
  readonly status: number;
  /** Standard output and standard error. */
  readonly output: string;
}

/** A line that a terminal can take. */
const LONGEST_LINE = 4_000;
const ASK_AGAIN_MS = 2_000;

/** Speaks to the shell one command at a time. */
export class GuestShell {
  private socket?: Socket;
  private received = "";
  private counter = 0;

  public constructor(private readonly path: string) {}

  /**
   * Runs a command line; waits for the shell to be there.
   *
   * @throws Error - no answer within the limit
   */
  public async run(command: string, limitMs: number): Promise<Answer> {
    const deadline = Date.now() + limitMs;
    await this.attach(deadline);
    this.counter += 1;
    const [begin, end] = [`@begin-${this.counter}@`, `@end-${this.counter}@`];
    // The marks are put together by the shell, so that an echo of the line is not taken for the answer.
    const line = `printf '@%s@\\n' begin-${this.counter}; { ${command}\n} 2>&1 </dev/null; printf '@%s@%s@\\n' end-${this.counter} $?\n`;
    if (line.split("\n").some((part) => part.length > LONGEST_LINE)) throw new Error("too long for a terminal");
    this.socket?.write(line);
    const answer = new RegExp(`${begin}\\r?\\n([^]*?)${end}(\\d+)@`);
    const found = await this.match(answer, deadline, command);
    return { status: Number(found[2]), output: (found[1] ?? "").replaceAll("\r\n", "\n") };
  }

  /** Says something and does not wait for an answer. */
  public async send(command: string): Promise<void> {
    await this.attach(Date.now() + ASK_AGAIN_MS).catch(() => undefined);
    this.socket?.write(`${command}\n`);
  }

  public close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  /** Asks until the shell answers: it is not there yet, or it has just begun to listen. */
  private async attach(deadline: number): Promise<void> {
    if (this.counter > 0) return;
    while (!/@ready-42@/.test(this.received)) {
      if (Date.now() > deadline) throw new Error(`no shell in the machine; it said: ${this.received.slice(-500)}`);
      this.socket ??= this.open();
      this.socket.write("\nstty -echo; echo @ready-$((6*7))@\n");
      await sleep(ASK_AGAIN_MS);
    }
    this.counter = 1;
  }

  private open(): Socket {
    const socket = connect(this.path).setEncoding("utf8");
    socket.on("data", (text: string) => (this.received += text));
    // QEMU has not made its socket yet, or has gone: the wait's limit says so.
    socket.on("error", () => (this.socket = undefined));
    return socket;
  }

  private async match(pattern: RegExp, deadline: number, command: string): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.received);
      if (found !== null) {
        this.received = "";
        return found;
      }
      if (Date.now() > deadline) throw new Error(`no answer to: ${command}\n${this.received.slice(-2000)}`);
      await sleep(50);
    }
  }
}
