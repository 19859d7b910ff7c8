// GET /events/stream. Each client has a cursor into the log and is written what is behind it: whether the log grew before,
// between or after two connections, there is no gap and no repetition.
import type { FastifyInstance } from "fastify";
import type { LogRecord } from "../domain/log";
import { patterns } from "../intake/schemas";
import type { AppDeps } from "./deps";
import { resumedAt } from "./events";
import { Made } from "./made";
import { type Query, textParameter } from "./query";
import type { Seats } from "./seats";
import { type Step, Streams, type View } from "./sse";
import { eventText } from "./views";
import { header } from "./request";

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

  public forget(): void {
    this.records = [];
  }

  /** Undefined: the store has to be asked. */
  public after(position: number): readonly LogRecord[] | undefined {
    const [first] = this.records;
    if (first === undefined || first.position > position + 1) return undefined;
    const begin = position + 1 - first.position;
    return this.records.slice(begin, begin + PAGE);
  }
}

/** How far a client has come, and what of it is shown. */
interface Cursor {
  readonly position: number;
  readonly fleet?: string;
  readonly vm?: string;
}

type Ask = (after: number, limit: number) => Promise<readonly LogRecord[]>;

class EventView implements View<Cursor> {
  private readonly made = new Made<Step<Cursor>>();

  public constructor(
    private readonly recent: Recent,
    private readonly position: () => number,
    private readonly ask: Ask,
  ) {}

  public after(cursor: Cursor): Step<Cursor> | undefined | Promise<Step<Cursor>> {
    const last = this.position();
    if (cursor.position >= last) return undefined;
    const page = this.recent.after(cursor.position);
    if (page === undefined) return this.ask(cursor.position, PAGE).then((asked) => step(cursor, asked, last));
    // A position has no such character in it, and neither has a name.
    const key = [cursor.position, cursor.fleet, cursor.vm].join("/");
    return this.made.get(String(last), key, () => step(cursor, page, last));
  }
}

/** Where the store has nothing left, e.g. because it was too old, the client has seen what there is. */
function step({ fleet, vm }: Cursor, page: readonly LogRecord[], last: number): Step<Cursor> {
  const shown = page.filter((record) => (fleet ?? record.fleet) === record.fleet && (vm ?? record.vm) === record.vm);
  const text = shown.map((record) => `id: ${record.position}\ndata: ${eventText(record)}\n\n`).join("");
  return { frame: Buffer.from(text), cursor: { position: page.at(-1)?.position ?? last, fleet, vm } };
}

export function streamRoutes(app: FastifyInstance, deps: AppDeps, seats: Seats): void {
  const recent = new Recent();
  const ask: Ask = (after, limit) => deps.store.events({ after, limit });
  const view = new EventView(recent, () => deps.engine.position, ask);
  const streams = new Streams(deps, seats, view);
  deps.metrics.gauge("nexus_pull_streams", "Live views that are open.", () => seats.open);
  deps.engine.subscribe((records) => {
    // Kept for those who watch. What nobody watches would only be moved about by the garbage collection.
    if (streams.watched) recent.add(records);
    else recent.forget();
    streams.wake();
  });
  app.get<{ Querystring: Query }>("/events/stream", { exposeHeadRoute: false }, async (request, reply) => {
    await deps.engine.refresh();
    const fleet = textParameter(request.query, "fleet", patterns.fleet);
    const vm = textParameter(request.query, "vm", patterns.vm);
    const position = resumedAt(header(request, "last-event-id"), deps.engine.position);
    streams.open(request, reply, { position, fleet, vm });
  });
}
