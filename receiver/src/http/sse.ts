// Server-sent events: what all live views have in common. A view says what comes next for its client, and is asked again
// when something happened; a client that does not read is waited for, so that nothing piles up here.
import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { plainAddress } from "./access";
import type { AppDeps } from "./deps";
import type { Seats } from "./seats";

const KEEP_ALIVE_MS = 15_000;
const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" };

export interface View {
  /** Frames to write; undefined: nothing more for now. */
  next(): Promise<string | undefined>;
}

class Client {
  private pumping = false;
  private more = false;

  public constructor(
    private readonly response: ServerResponse,
    private readonly view: View,
  ) {}

  public end(): void {
    this.response.end();
  }

  /** Writes until nothing comes next; called again meanwhile, it looks once more. */
  public async pump(): Promise<void> {
    this.more = true;
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.more && !this.response.destroyed) {
        this.more = false;
        for (let text = await this.view.next(); text !== undefined; text = await this.view.next()) {
          if (this.response.destroyed) return;
          if (!this.response.write(text)) await drained(this.response);
        }
      }
    } finally {
      this.pumping = false;
    }
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.removeListener("drain", done);
      response.removeListener("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
    if (response.destroyed) done();
  });
}

export class Streams {
  private readonly clients = new Set<Client>();

  public constructor(
    private readonly deps: AppDeps,
    private readonly seats: Seats,
  ) {
    deps.stopping.addEventListener("abort", () => {
      for (const client of this.clients) client.end();
    });
  }

  public get size(): number {
    return this.clients.size;
  }

  public wake(): void {
    for (const client of this.clients) client.pump().catch(this.deps.report);
  }

  public async open(request: FastifyRequest, reply: FastifyReply, view: View): Promise<void> {
    const leave = this.seats.take(plainAddress(request.ip));
    reply.hijack();
    const response = reply.raw;
    const client = new Client(response, view);
    this.clients.add(client);
    const alive = setInterval(() => response.write(":\n\n"), KEEP_ALIVE_MS).unref();
    response.on("error", () => undefined);
    response.once("close", () => {
      clearInterval(alive);
      leave();
      this.clients.delete(client);
    });
    const set = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    response.writeHead(200, { ...(Object.fromEntries(set) as Record<string, string>), ...HEADERS });
    response.write(": from here on\n\n");
    await client.pump();
  }
}
