// The file in a thread of its own: a commit that waits for the disk, or a long read, keeps nobody waiting who asks for
// something else, and the next group of events is read while the one before it is flushed.
import { once } from "node:events";
import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { DamagedError, StoreError } from "./port";
import { type Format, LocalFile, type SqliteFile, type Step } from "./sqlite-file";

interface Place {
  readonly path: string;
  readonly format: Format;
}

type Name = keyof SqliteFile;
interface Call {
  readonly name: Name;
  readonly argument?: unknown;
}
/** To the calls in their order. */
type Answer = { readonly value: unknown } | Failure;
interface Failure {
  readonly code: StoreError["code"];
  readonly message: string;
  readonly isDamage: boolean;
}

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: StoreError) => void;
}

/** What comes and goes with each group is small; with more room, it would only be collected later. */
const YOUNG = { maxYoungGenerationSizeMb: 4 };

const errorOf = ({ code, message, isDamage }: Failure): StoreError =>
  isDamage ? new DamagedError(message) : new StoreError(code, message);

const hasEnded = (): StoreError => new StoreError("store_unavailable", "the store's thread ended");

/** A file that is open in a thread. */
export class ThreadFile implements SqliteFile {
  private readonly waiting: Waiting[] = [];
  private ended = false;

  private constructor(private readonly worker: Worker) {
    worker.on("message", (answer: Answer) => {
      const waiting = this.waiting.shift();
      if ("value" in answer) waiting?.resolve(answer.value as never);
      else waiting?.reject(errorOf(answer));
    });
    // Whoever waits is answered. An error that nobody expected is the process's end: there is no receiver without a store.
    worker.on("exit", () => {
      this.ended = true;
      for (const { reject } of this.waiting.splice(0)) reject(hasEnded());
    });
  }

  /** `program`: what calls `serveFile` when it runs in a thread. */
  public static async open(program: string, place: Place): Promise<ThreadFile> {
    const file = new ThreadFile(new Worker(program, { workerData: place, resourceLimits: YOUNG }));
    await file.answer<void>();
    return file;
  }

  private answer<T>(): Promise<T> {
    return new Promise<T>((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  private async call<T>(name: Name, argument?: unknown): Promise<T> {
    if (this.ended) throw hasEnded();
    const call: Call = { name, argument };
    this.worker.postMessage(call);
    return this.answer<T>();
  }

  public ask(step: Step): Promise<readonly (readonly unknown[])[]> {
    return this.call("ask", step);
  }
  public commit(steps: readonly Step[]): Promise<number> {
    return this.call("commit", steps);
  }
  public run(steps: readonly Step[]): Promise<number> {
    return this.call("run", steps);
  }
  public exec(sql: string): Promise<void> {
    return this.call("exec", sql);
  }
  public async close(): Promise<void> {
    if (this.ended) return;
    const exit = once(this.worker, "exit");
    await this.call("close");
    await exit;
  }
}

async function answerOf(work: () => unknown): Promise<Answer> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { code: error.code, message: error.message, isDamage: error instanceof DamagedError };
  }
}

/** What the thread does. Calls are answered one after the other, in their order. */
export async function serveFile(): Promise<void> {
  const port = parentPort as MessagePort;
  const { path, format } = workerData as Place;
  let file: LocalFile | undefined;
  port.postMessage(await answerOf(() => void (file = LocalFile.open(path, format))));
  if (file === undefined) return port.close();
  const served: SqliteFile = file;
  let turn = Promise.resolve();
  port.on("message", ({ name, argument }: Call) => {
    const work = served[name] as (argument: unknown) => Promise<unknown>;
    turn = turn.then(async () => {
      port.postMessage(await answerOf(() => work.call(served, argument)));
      if (name === "close") port.close();
    });
  });
}
