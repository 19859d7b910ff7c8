// load.js JOB: a process that asks, and prints how long it took. The same requests of whoever listens, made before the clock starts. What it costs itself is little,
// so that it is the server that is measured: bytes go out as they are, and of an answer only its end is looked for.
import { connect, type Socket } from "node:net";
import { requestOf } from "./life";

export interface Job {
  readonly port: number;
  readonly connections: number;
  /** Or a new connection for each. */
  readonly keepAlive: boolean;
  /** How many VMs speak; each belongs to one connection, so that its events come in order. */
  readonly vms: number;
  /** The number of each VM's first event. */
  readonly first: number;
  /** How many events each VM tells. */
  readonly each: number;
  /** How many of them are one request. @default 1 */
  readonly batch?: number;
}

export interface Done {
  readonly requests: number;
  readonly seconds: number;
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

/** Whether an answer is whole; rejects every answer but 200. */
function isWhole(answer: Buffer): boolean {
  const head = answer.indexOf(END_OF_HEAD);
  if (head < 0) return false;
  const text = answer.toString("latin1", 0, head);
  if (!text.startsWith("HTTP/1.1 200")) throw new Error(`answered ${answer.toString("latin1")}`);
  const length = /^content-length: (\d+)/im.exec(text)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text}`);
  return answer.length >= head + END_OF_HEAD.length + Number(length);
}

/** One connection after the other, or one for all: each request when the one before it is answered. */
class Client {
  private next = 0;
  private answer?: Buffer;

  public constructor(
    private readonly job: Job,
    private readonly requests: readonly Buffer[],
    private readonly ended: (error?: Error) => void,
  ) {}

  public start(): void {
    const socket = connect({ port: this.job.port, host: "127.0.0.1", noDelay: true });
    socket.on("connect", () => this.send(socket));
    socket.on("data", (bytes) => this.take(socket, bytes));
    socket.on("error", this.ended);
  }

  private send(socket: Socket): void {
    socket.write(this.requests[this.next] as Buffer);
  }

  private take(socket: Socket, bytes: Buffer): void {
    try {
      this.answer = this.answer === undefined ? bytes : Buffer.concat([this.answer, bytes]);
      if (!isWhole(this.answer)) return;
    } catch (error) {
      socket.destroy();
      return this.ended(error as Error);
    }
    this.answer = undefined;
    this.next += 1;
    const isLast = this.next === this.requests.length;
    if (this.job.keepAlive && !isLast) return this.send(socket);
    socket.destroy();
    if (isLast) this.ended();
    else this.start();
  }
}

/** Those of each connection, VM by VM and number by number. */
function requestsOf({ connections, vms, first, each, keepAlive, batch = 1 }: Job): readonly (readonly Buffer[])[] {
  return Array.from({ length: connections }, (_, connection) => {
    const requests: Buffer[] = [];
    for (let seq = first; seq < first + each; seq += batch)
      for (let vm = connection; vm < vms; vm += connections) requests.push(requestOf(vm, seq, keepAlive, batch));
    return requests;
  });
}

async function run(job: Job): Promise<Done> {
  const all = requestsOf(job);
  const begun = process.hrtime.bigint();
  await Promise.all(
    all.map(
      (requests) =>
        new Promise<void>((resolve, reject) => {
          new Client(job, requests, (error) => (error === undefined ? resolve() : reject(error))).start();
        }),
    ),
  );
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  return { requests: all.reduce((sum, { length }) => sum + length, 0), seconds };
}

run(JSON.parse(process.argv[2] ?? "") as Job).then(
  (done) => process.stdout.write(JSON.stringify(done)),
  (error: unknown) => {
    process.stderr.write(`load: ${String(error)}\n`);
    process.exit(1);
  },
);
