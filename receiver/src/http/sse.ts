// Server-sent events: what all live views have in common. A view says what comes next behind a client's cursor, and is asked
// again when something happened; a client that does not read is waited for, so that nothing piles up here.
import type { ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { plainAddress } from "./access";
import type { AppDeps } from "./deps";
import { paced } from "./paced";
import type { Seats } from "./seats";

/** However much happens, a client is written to at most four times a second; after a pause it is told at once. */
const FRAME_MS = 250;
const KEEP_ALIVE_MS = 15_000;
/** Who has not read for so long is not there any more: it gives back its seat, and may come again with what it saw last. */
const STALLED_MS = 60_000;
/** Clients that are written to in one go: a thousand would hold up who waits for an answer. */
const AT_ONCE = 250;
const HEADERS = {
  ...{ "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" },
  // The body goes on until the connection ends, so that all clients can be written the very same bytes.
  connection: "close",
};
const COMMENT = Buffer.from(":\n\n");

export interface Step<Cursor> {
  /** Bytes that everybody with the same cursor is written; of none of them nothing is written. */
  readonly frame: Buffer;
  /** What the client has seen then. */
  readonly cursor: Cursor;
}

export interface View<Cursor> {
  /** What comes behind the cursor; undefined: nothing for now. A promise only where something must be waited for. */
  after(cursor: Cursor): Step<Cursor> | undefined | Promise<Step<Cursor>>;
}

class Client<Cursor> {
  /** Waits for the view, or for what was written to be read. */
  private waiting = false;
  /** Since when it does not read; 0: it does. */
  private stalled = 0;

  public constructor(
    private readonly response: ServerResponse,
    /** What follows the head goes past the response, which would cork, copy and frame it for each client anew. */
    private readonly out: Writable,
    private readonly view: View<Cursor>,
    private cursor: Cursor,
    private readonly report: (error: unknown) => void,
  ) {}

  /** Writes until nothing comes next. */
  public pump(): void {
    while (!this.waiting && !this.out.destroyed) {
      const step = this.view.after(this.cursor);
      if (step === undefined) return;
      if (step instanceof Promise) return this.wait(step);
      this.take(step);
    }
  }

  private wait(step: Promise<Step<Cursor>>): void {
    this.waiting = true;
    step
      .finally(() => (this.waiting = false))
      .then((one) => {
        this.take(one);
        this.pump();
      })
      .catch(this.report);
  }

  private take({ frame, cursor }: Step<Cursor>): void {
    this.cursor = cursor;
    if (frame.length === 0 || this.out.destroyed || this.out.write(frame)) return;
    this.waiting = true;
    this.stalled = performance.now();
  }

  /** Everything written has been read, or is on its way. */
  public drained(): void {
    if (this.stalled === 0) return;
    this.waiting = false;
    this.stalled = 0;
    this.pump();
  }

  public end(): void {
    this.response.end();
  }

  public keepAlive(): void {
    if (this.stalled === 0) this.out.write(COMMENT);
    else if (performance.now() - this.stalled > STALLED_MS) this.out.destroy();
  }
}

export class Streams<Cursor> {
  private readonly clients = new Set<Client<Cursor>>();
  private keeper?: NodeJS.Timeout;
  /** Something happened. */
  public readonly wake = paced(FRAME_MS, () => this.sweep((client) => client.pump()));

  public constructor(
    private readonly deps: AppDeps,
    private readonly seats: Seats,
    private readonly view: View<Cursor>,
  ) {
    deps.stopping.addEventListener("abort", () => {
      for (const client of this.clients) client.end();
    });
  }

  /** Whether anybody is there. */
  public get watched(): boolean {
    return this.clients.size > 0;
  }

  private sweep(each: (client: Client<Cursor>) => void, rest = this.clients.values()): void {
    for (let i = 0; i < AT_ONCE; i += 1) {
      const { value, done } = rest.next();
      if (done === true) return;
      each(value);
    }
    setImmediate(() => this.sweep(each, rest));
  }

  /** One timer for all. */
  private keep(): void {
    const keep = (): void => this.sweep((client) => client.keepAlive());
    this.keeper ??= setInterval(keep, KEEP_ALIVE_MS).unref();
  }

  private leave(client: Client<Cursor>): void {
    this.clients.delete(client);
    if (this.clients.size > 0) return;
    clearInterval(this.keeper);
    this.keeper = undefined;
  }

  public open(request: FastifyRequest, reply: FastifyReply, cursor: Cursor): void {
    const giveBack = this.seats.take(plainAddress(request.ip));
    reply.hijack();
    const { raw: response } = reply;
    const set = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, { ...(Object.fromEntries(set) as Record<string, string>), ...HEADERS });
    response.write(": from here on\n\n");
    // The response has the socket unless it waits for that of an earlier request on the same connection.
    const out = response.socket ?? response;
    const client = new Client(response, out, this.view, cursor, this.deps.report);
    this.clients.add(client);
    this.keep();
    response.on("error", () => undefined);
    out.on("drain", () => client.drained());
    response.once("close", () => {
      giveBack();
      this.leave(client);
    });
    client.pump();
  }
}
