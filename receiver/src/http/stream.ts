// GET /events/stream. Each client has a cursor into the log and is written what is behind it: whether the log grew before,
// between or after two connections, there is no gap and no repetition.
import type { FastifyInstance } from "fastify";
import type { LogRecord } from "../domain/log";
import { patterns } from "../intake/schemas";
import { requireReader } from "./access";
import type { AppDeps } from "./deps";
import { positionOf } from "./events";
import { type Query, textParameter } from "./query";
import type { Seats } from "./seats";
import { Streams, type View } from "./sse";
import { eventText } from "./views";
import { header } from "./webhook";

const PAGE = 200;
const RECENT = 1000;

/** The log's last entries, so that a thousand clients do not each ask the store for what was just committed. */
class Recent {
  private records: readonly LogRecord[] = [];

  public add(records: readonly LogRecord[]): void {
    const [first] = records;
    const last = this.records.at(-1);
    // Of what others committed the oldest may be left out: then only the store has what is between.
    const follows = first === undefined || last === undefined || first.position === last.position + 1;
    this.records = [...(follows ? this.records : []), ...records].slice(-RECENT);
  }

  /** Undefined: the store has to be asked. */
  public after(position: number): readonly LogRecord[] | undefined {
    const [first] = this.records;
    if (first === undefined || first.position > position + 1) return undefined;
    const begin = position + 1 - first.position;
    return this.records.slice(begin, begin + PAGE);
  }
}

type Page = (after: number) => Promise<readonly LogRecord[]>;
type Shows = (record: LogRecord) => boolean;

class EventView implements View {
  public constructor(
    private cursor: number,
    private readonly shows: Shows,
    private readonly page: Page,
  ) {}

  public async next(): Promise<string | undefined> {
    for (let page = await this.page(this.cursor); page.length > 0; page = await this.page(this.cursor)) {
      this.cursor = page.at(-1)?.position ?? this.cursor;
      const shown = page.filter(this.shows);
      const text = shown.map((record) => `id: ${record.position}\ndata: ${eventText(record)}\n\n`).join("");
      if (text !== "") return text;
    }
    return undefined;
  }
}

export function streamRoutes(app: FastifyInstance, deps: AppDeps, seats: Seats): void {
  const streams = new Streams(deps, seats);
  const recent = new Recent();
  deps.metrics.gauge("nexus_pull_streams", "Live views that are open.", () => seats.open);
  const page: Page = async (after) =>
    after >= deps.engine.position ? [] : (recent.after(after) ?? (await deps.store.events({ after, limit: PAGE })));
  deps.engine.subscribe((records) => {
    recent.add(records);
    streams.wake();
  });
  app.get<{ Querystring: Query }>("/events/stream", async (request, reply) => {
    requireReader(request, deps.readers, deps.token);
    await deps.engine.refresh();
    const fleet = textParameter(request.query, "fleet", patterns.fleet);
    const vm = textParameter(request.query, "vm", patterns.vm);
    const since = positionOf(header(request, "last-event-id"), deps.engine.position) ?? deps.engine.position;
    const shows: Shows = (record) => (fleet ?? record.fleet) === record.fleet && (vm ?? record.vm) === record.vm;
    await streams.open(request, reply, new EventView(since, shows, page));
  });
}
