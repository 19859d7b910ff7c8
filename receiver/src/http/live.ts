// GET /status/stream: every VM as it is, then each that changed, at most four frames a second however much happens. What a
// frame holds are states, not events: who was away is sent what differs from what it has, once.
import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { attention, type VmState } from "../domain/state";
import { requireReader } from "./access";
import type { AppDeps } from "./deps";
import type { Query } from "./query";
import type { Seats } from "./seats";
import { Streams, type View } from "./sse";
import { SHOWN, summary } from "./status";
import { vmText } from "./views";
import { header } from "./webhook";

const FRAME_MS = 250;
/** VMs of one frame: a page shows the first while the others are on their way. */
const PIECE = 500;

/** Those that somebody must look at first. */
const urgentFirst = (states: readonly VmState[]): readonly VmState[] => [
  ...states.filter(({ phase }) => attention.includes(phase)),
  ...states.filter(({ phase }) => !attention.includes(phase)),
];

interface Seen {
  /** Of the fleets; undefined: nothing was seen. */
  readonly version?: number;
  readonly rings?: string;
}

interface Frames {
  readonly texts: readonly string[];
  readonly then: Seen;
}

/** Frames are made once for everybody who saw the same. */
class Frame {
  private readonly run = randomBytes(6).toString("hex");
  private readonly made = new Map<string, Frames>();
  private of = "";

  public constructor(private readonly deps: AppDeps) {}

  /** What a client saw, by the id of its last frame. Another process counted otherwise: everything is sent anew. */
  public seen(lastEventId: string | undefined): Seen {
    const [run, version = ""] = (lastEventId ?? "").split(".");
    const known =
      run === this.run && /^[0-9]{1,15}$/.test(version) && Number(version) <= this.deps.engine.fleets.version;
    return known ? { version: Number(version) } : {};
  }

  public after(seen: Seen): Frames {
    const { fleets } = this.deps.engine;
    const now: Seen = { version: fleets.version, rings: `${this.deps.notes.added}/${this.deps.refused.added}` };
    const of = JSON.stringify(now);
    if (of !== this.of) this.made.clear();
    this.of = of;
    const key = JSON.stringify(seen);
    const known = this.made.get(key) ?? { texts: this.make(seen, now), then: now };
    this.made.set(key, known);
    return known;
  }

  private make(seen: Seen, now: Seen): readonly string[] {
    if (seen.version === now.version && seen.rings === now.rings) return [];
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

class StatusView implements View {
  private pieces: readonly string[] = [];

  public constructor(
    private readonly frame: Frame,
    private seen: Seen,
  ) {}

  public async next(): Promise<string | undefined> {
    if (this.pieces.length === 0) {
      const { texts, then } = this.frame.after(this.seen);
      this.pieces = texts;
      this.seen = then;
    }
    const [text] = this.pieces;
    this.pieces = this.pieces.slice(1);
    return text;
  }
}

/** Calls at once when it has not for a while, else when the while is over. */
function paced(call: () => void): () => void {
  let last = 0;
  let waiting: NodeJS.Timeout | undefined;
  return () => {
    if (waiting !== undefined) return;
    const left = Math.max(0, last + FRAME_MS - performance.now());
    waiting = setTimeout(() => {
      waiting = undefined;
      last = performance.now();
      call();
    }, left).unref();
  };
}

export function liveRoutes(app: FastifyInstance, deps: AppDeps, seats: Seats): void {
  const streams = new Streams(deps, seats);
  const frame = new Frame(deps);
  const wake = paced(() => streams.wake());
  deps.engine.subscribe(wake);
  deps.notes.subscribe(wake);
  deps.refused.subscribe(wake);
  app.get<{ Querystring: Query }>("/status/stream", async (request, reply) => {
    requireReader(request, deps.readers, deps.token);
    await streams.open(request, reply, new StatusView(frame, frame.seen(header(request, "last-event-id"))));
  });
}
