// GET /events/stream. Each client has a cursor into the log and is written what is behind it: whether the log grew before,
// between or after two connections, there is no gap and no repetition.
import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import type { LogRecord } from "../domain/log";
import { Refusal } from "../engine/refusal";
import { patterns } from "../intake/schemas";
import { requireReader } from "./access";
import type { AppDeps } from "./deps";
import { positionOf } from "./events";
import { type Query, textParameter } from "./query";
import { eventText } from "./views";
import { header } from "./webhook";

const PAGE = 200;
const KEEP_ALIVE_MS = 15_000;
const RECENT = 1000;

/** The log's last entries, so that a thousand clients do not each ask the store for what was just committed. */
class Recent {
  private records: readonly LogRecord[] = [];

  public add(records: readonly LogRecord[]): void {
    this.records = [...this.records, ...records].slice(-RECENT);
  }

  /** Undefined: the store has to be asked. */
  public after(position: number): readonly LogRecord[] | undefined {
    const [first] = this.records;
    if (first === undefined || first.position > position + 1) return undefined;
    const begin = position + 1 - first.position;
    return this.records.slice(begin, begin + PAGE);
  }
}

class Client {
  private pumping = false;
  private more = false;

  public constructor(
    private readonly response: ServerResponse,
    private cursor: number,
    private readonly fleet: string | undefined,
    private readonly page: (after: number) => Promise<readonly LogRecord[]>,
  ) {}

  /** Writes until nothing is behind the cursor; called again meanwhile, it looks once more. */
  public async pump(): Promise<void> {
    this.more = true;
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (this.more && !this.response.destroyed) {
        this.more = false;
        for (let page = await this.page(this.cursor); page.length > 0; page = await this.page(this.cursor))
          await this.write(page);
      }
    } finally {
      this.pumping = false;
    }
  }

  private async write(page: readonly LogRecord[]): Promise<void> {
    const shown = page.filter(({ fleet }) => this.fleet === undefined || fleet === this.fleet);
    this.cursor = page.at(-1)?.position ?? this.cursor;
    const text = shown.map((record) => `id: ${record.position}\ndata: ${eventText(record)}\n\n`).join("");
    // A reader that does not read is waited for, or its frames would pile up here.
    if (text !== "" && !this.response.write(text)) await drained(this.response);
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

const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" };

export function streamRoutes(app: FastifyInstance, deps: AppDeps): void {
  const clients = new Set<Client>();
  const recent = new Recent();
  deps.metrics.gauge("nexus_pull_streams", "Live views that are open.", () => clients.size);
  const page = async (after: number): Promise<readonly LogRecord[]> =>
    after >= deps.engine.position ? [] : (recent.after(after) ?? (await deps.store.events({ after, limit: PAGE })));
  deps.engine.subscribe((records) => {
    recent.add(records);
    for (const client of clients) client.pump().catch(deps.report);
  });

  app.get<{ Querystring: Query }>("/events/stream", async (request, reply) => {
    requireReader(request, deps.readers, deps.token);
    await deps.engine.refresh();
    const fleet = textParameter(request.query, "fleet", patterns.fleet);
    const since = positionOf(header(request, "last-event-id"), deps.engine.position) ?? deps.engine.position;
    if (clients.size >= deps.maxStreams) throw new Refusal("streams_exhausted");
    reply.hijack();
    const response = reply.raw;
    const client = new Client(response, since, fleet, page);
    clients.add(client);
    response.writeHead(200, HEADERS).write(": from here on\n\n");
    const alive = setInterval(() => response.write(":\n\n"), KEEP_ALIVE_MS).unref();
    const stop = (): void => void response.end();
    deps.stopping.addEventListener("abort", stop);
    response.on("error", () => undefined);
    response.once("close", () => {
      clearInterval(alive);
      clients.delete(client);
      deps.stopping.removeEventListener("abort", stop);
    });
    await client.pump();
  });
}
