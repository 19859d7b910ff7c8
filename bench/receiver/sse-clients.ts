// The far ends of live views, a process of its own. What reading costs here must not look like the receiver's: some clients,
// spread evenly, read at once and say when; the others leave everything to the kernel until a round is over.
import { connect, type Socket } from "node:net";

export interface Asked {
  readonly port: number;
  readonly path: string;
  readonly clients: number;
  /** Of them; these read at once. */
  readonly timed: number;
  /** Blocks that everybody is sent at the beginning. */
  readonly first: number;
}
export type Order = { readonly open: Asked } | "read" | "flow" | "report";

/** When each timed client had each frame, in milliseconds of `now`, and the last id that each client saw and how many. */
export interface Report {
  readonly arrivals: readonly (readonly number[])[];
  readonly ends: readonly (readonly [string, number])[];
}
export type Word =
  { readonly opened: true } | { readonly frames: number } | { readonly read: true } | { readonly report: Report };

/** The clock that all processes of a machine share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Connections that are being opened at once. */
const AT_ONCE = 10;
/** What is there already has been read by then. */
const READ_MS = 100;

const tell = (word: Word): void => void process.send?.(word);

/** What a client has read. */
class Client {
  public last = "";
  public blocks = 0;
  private left = "";

  /** Whether there was data in it. */
  public take(part: Buffer): boolean {
    const blocks = (this.left + part.toString("latin1")).split("\n\n");
    this.left = blocks.pop() ?? "";
    const ids = blocks.flatMap((block) => /^id: (.*)$/m.exec(block)?.[1] ?? []);
    this.blocks += ids.length;
    this.last = ids.at(-1) ?? this.last;
    return ids.length > 0;
  }
}

class Clients {
  private readonly all: Client[] = [];
  private readonly others: Socket[] = [];
  private readonly arrivals: number[][] = [];
  private arrived = 0;

  public constructor(private readonly asked: Asked) {}

  public async open(): Promise<void> {
    const { clients, timed } = this.asked;
    const every = clients / timed;
    for (let from = 0; from < clients; from += AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, clients - from) }, async (_, i) => {
          const socket = await this.one();
          if (Math.floor((from + i + 1) / every) > Math.floor((from + i) / every)) this.time(socket);
          else this.leave(socket);
        }),
      );
  }

  private one(): Promise<Socket> {
    const { port, path, first } = this.asked;
    return new Promise((resolve, reject) => {
      let head = "";
      const socket = connect(port, "127.0.0.1");
      const ended = (): void => reject(new Error(`${path} ended after: ${head}`));
      socket.once("error", reject).once("close", ended);
      socket.on("data", (part) => {
        head += part.toString("latin1");
        if (head.split("\n\n").length <= first) return;
        socket.removeAllListeners();
        socket.on("error", fail).once("close", () => fail(new Error(`${path} ended`)));
        resolve(socket);
      });
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`);
    });
  }

  private time(socket: Socket): void {
    const arrivals: number[] = [];
    this.arrivals.push(arrivals);
    const client = new Client();
    this.all.push(client);
    socket.on("data", (part) => {
      const at = now();
      if (!client.take(part)) return;
      arrivals.push(at);
      this.arrived += 1;
      if (this.arrived % this.asked.timed === 0) tell({ frames: this.arrived / this.asked.timed });
    });
  }

  private leave(socket: Socket): void {
    const client = new Client();
    this.all.push(client);
    socket.on("data", (part) => client.take(part));
    this.others.push(socket);
    socket.pause();
  }

  /** From now on everybody reads. */
  public flow(): void {
    for (const socket of this.others) socket.resume();
  }

  public async read(): Promise<void> {
    this.flow();
    await new Promise((resolve) => setTimeout(resolve, READ_MS));
    for (const socket of this.others) socket.pause();
  }

  public report(): Report {
    return { arrivals: this.arrivals, ends: this.all.map(({ last, blocks }) => [last, blocks] as const) };
  }
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

async function serve(order: Order, clients: Clients): Promise<void> {
  if (order === "report") return tell({ report: clients.report() });
  if (order === "flow") return clients.flow();
  if (order === "read") return clients.read().then(() => tell({ read: true }));
  return clients.open().then(() => tell({ opened: true }));
}

if (require.main === module) {
  let clients: Clients;
  process.on("message", (order: Order) => {
    if (typeof order === "object") clients = new Clients(order.open);
    serve(order, clients).catch(fail);
  });
  // Its parent has gone.
  process.once("disconnect", () => process.exit(0));
}
