// GET /status/stream: every VM as it is, then each that changed, at most four frames a second however much happens. What a
// frame holds are states, not events: who was away is sent what differs from what it has, once.
import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { attention, type VmState } from "../domain/state";
import type { AppDeps } from "./deps";
import { Made } from "./made";
import type { Query } from "./query";
import type { Seats } from "./seats";
import { type Step, Streams, type View } from "./sse";
import { SHOWN, summary } from "./status";
import { vmText } from "./views";
import { header } from "./request";

/** VMs of one frame: a page shows the first while the others are on their way. */
const PIECE = 500;

/** Those that somebody must look at first. */
const urgentFirst = (states: readonly VmState[]): readonly VmState[] => [
  ...states.filter(({ phase }) => attention.includes(phase)),
  ...states.filter(({ phase }) => !attention.includes(phase)),
];

/** What a client saw: the version of the fleets, and which notes and refusals; undefined: nothing. */
interface Seen {
  readonly key: string;
  readonly version?: number;
  readonly rings?: string;
  /** What is there of it, but not yet sent: the pieces of a large frame. */
  readonly rest?: Step<Seen>;
}

const NOTHING: Seen = { key: "" };

/** Frames are made once for everybody who saw the same. */
class StatusView implements View<Seen> {
  private readonly run = randomBytes(6).toString("hex");
  private readonly made = new Made<Step<Seen> | undefined>();

  public constructor(private readonly deps: AppDeps) {}

  /** By the id of a client's last frame. Another process counted otherwise: everything is sent anew. */
  public seen(lastEventId: string | undefined): Seen {
    const [run, version = ""] = (lastEventId ?? "").split(".");
    const known =
      run === this.run && /^[0-9]{1,15}$/.test(version) && Number(version) <= this.deps.engine.fleets.version;
    return known ? { key: version, version: Number(version) } : NOTHING;
  }

  public after(seen: Seen): Step<Seen> | undefined {
    if (seen.rest !== undefined) return seen.rest;
    const { version } = this.deps.engine.fleets;
    const rings = `${this.deps.notes.added}/${this.deps.refused.added}`;
    const now: Seen = { key: `${version}/${rings}`, version, rings };
    if (seen.key === now.key) return undefined;
    return this.made.get(now.key, seen.key, () => this.steps(this.make(seen, now), now));
  }

  /** Each leads to the next, the last to `now`. */
  private steps(texts: readonly string[], now: Seen): Step<Seen> | undefined {
    return texts.reduceRight<Step<Seen> | undefined>(
      (rest, text) => ({ frame: Buffer.from(text), cursor: rest === undefined ? now : { key: "", rest } }),
      undefined,
    );
  }

  private make(seen: Seen, now: Seen): readonly string[] {
    const { fleets } = this.deps.engine;
    const changed = seen.version === undefined ? urgentFirst(fleets.all()) : fleets.changedSince(seen.version);
    const rings =
      seen.rings === now.rings
        ? {}
        : { notes: this.deps.notes.newest(SHOWN), refused: this.deps.refused.newest(SHOWN) };
    const pieces: VmState[][] = [];
    for (let at = 0; at === 0 || at < changed.length; at += PIECE) pieces.push(changed.slice(at, at + PIECE));
    const counts = summary(fleets.all());
    return pieces.map((piece, index) => {
      const last = index === pieces.length - 1;
      const reset = seen.version === undefined && index === 0 ? { reset: true } : {};
      const head = {
        at: new Date(this.deps.now()).toISOString(),
        summary: counts,
        ...reset,
        ...(last ? rings : { more: true }),
      };
      // The id comes with the last piece: who lost the connection before has seen nothing.
      const id = last ? `id: ${this.run}.${now.version}\n` : "";
      return `${id}data: ${JSON.stringify(head).slice(0, -1)},"vms":[${piece.map(vmText).join(",")}]}\n\n`;
    });
  }
}

export function liveRoutes(app: FastifyInstance, deps: AppDeps, seats: Seats): void {
  const view = new StatusView(deps);
  const streams = new Streams(deps, seats, view);
  deps.engine.subscribe(streams.wake);
  deps.notes.subscribe(streams.wake);
  deps.refused.subscribe(streams.wake);
  app.get<{ Querystring: Query }>("/status/stream", { exposeHeadRoute: false }, async (request, reply) => {
    streams.open(request, reply, view.seen(header(request, "last-event-id")));
  });
}
