// Live views: how late a change is at a thousand of them, how often they are written to, and what each of them costs.
import { beat, streamOf } from "../../lab/services/receiver-client";
import { bundled, type Server, startHello, startReceiver } from "./programs";
import { COLLECTS, settledMiB } from "./resident";
import type { MeasureOptions, Row } from "./row";
import { type Asked, now, type Report } from "./sse-clients";
import { Far } from "./sse-far";
import { short } from "./table";

const MAX_P99_MS = 20;
const MAX_KIB = 10;
const MAX_FRAMES_S = 4;

/** Changes are so far apart that none waits for another's frame. */
const APART_MS = 400;
const BURST_MS = 3000;
const SETTLE_MS = 2000;
/** What a start and many events left behind is gone in six seconds; earlier, less would be there with clients than without. */
const START_SETTLES = 14;

interface Size {
  readonly clients: number;
  readonly timed: number;
  readonly changes: number;
  /** Of a fleet as it reports, so that the heap is one of a receiver that has been running, not of one that has just begun. */
  readonly before: number;
  /** Whether lateness is judged: milliseconds of a busy machine say nothing. */
  readonly late: boolean;
}
/** `bareMs`: where so many writes alone take longer than the goal, they are what counts. */
type ViewSize = Size & { readonly bareMs: number };
const FULL: Size = { clients: 1000, timed: 50, changes: 100, before: 5000, late: true };
const QUICK: Size = { clients: 300, timed: 30, changes: 10, before: 2000, late: false };

const VIEWS = [
  { path: "/status/stream", first: 2, each: false },
  { path: "/events/stream", first: 1, each: true },
] as const;
const VMS = 50;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A fleet that says something, each time on a new connection. */
class Fleet {
  private said = 0;
  private readonly base: string;

  public constructor(port: number) {
    this.base = `http://127.0.0.1:${port}`;
  }

  public async say(): Promise<void> {
    const number = this.said++;
    const [vm, seq] = [number % VMS, Math.floor(number / VMS) + 1];
    const { status } = await beat(this.base, `vm-${vm}`, streamOf(vm), seq);
    if (status !== 200) throw new Error(`got ${status} for an event, expected 200`);
  }

  public async sayMany(count: number, atOnce = VMS): Promise<void> {
    for (let left = count; left > 0; left -= atOnce)
      await Promise.all(Array.from({ length: Math.min(left, atOnce) }, () => this.say()));
  }
}

/** In ascending order; of none it is not a number. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? NaN;
}

interface Change {
  readonly sent: number;
  readonly acknowledged: number;
}

/** One change after the other, each seen by all who are timed before the next. */
async function change(fleet: Fleet, far: Far, count: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (let i = 1; i <= count; i += 1) {
    const sent = now();
    await fleet.say();
    changes.push({ sent, acknowledged: now() });
    await far.told(`that frame ${i} came`, (word) => ("frames" in word && word.frames === i) || undefined);
    far.ask("read");
    await far.told("that the others read", (word) => "read" in word || undefined);
    await sleep(Math.max(0, sent + APART_MS - now()));
  }
  return changes;
}

interface Seen {
  readonly kib: number;
  readonly changes: readonly Change[];
  readonly report: Report;
}

/** What each timed client had each change later than, in milliseconds. */
function lateness({ changes, report }: Pick<Seen, "changes" | "report">, since: keyof Change): readonly number[] {
  return changes.flatMap((one, i) => report.arrivals.map((arrivals) => (arrivals[i] ?? NaN) - one[since]));
}

async function open(far: Far, asked: Asked): Promise<void> {
  far.ask({ open: asked });
  await far.told("that all are open", (word) => "opened" in word || undefined);
  await sleep(SETTLE_MS);
}

function reported(far: Far): Promise<Report> {
  far.ask("report");
  return far.told("what they saw", (word) => ("report" in word ? word.report : undefined));
}

/** The p99 of a server that has nothing to do but to write to as many sockets. */
async function bare({ clients, timed, changes: count }: Size): Promise<number> {
  const server = await startHello(await bundled("bench/receiver/hello-stream.ts"));
  const far = new Far();
  try {
    await open(far, { port: server.port, path: "/", clients, timed, first: 1 });
    const changes = await change(new Fleet(server.port), far, count);
    return percentile(lateness({ changes, report: await reported(far) }, "acknowledged"), 0.99);
  } finally {
    far.end();
    await server.stop();
  }
}

async function watch(receiver: Server, far: Far, asked: Asked, size: Size): Promise<Seen> {
  const fleet = new Fleet(receiver.port);
  await fleet.sayMany(size.before);
  const before = await settledMiB(receiver, START_SETTLES);
  await open(far, asked);
  const kib = (((await settledMiB(receiver)) - before) * 1024) / size.clients;
  const changes = await change(fleet, far, size.changes);
  far.ask("flow");
  const until = now() + BURST_MS;
  while (now() < until) {
    await fleet.say();
    await sleep(5);
  }
  await sleep(SETTLE_MS);
  return { kib, changes, report: await reported(far) };
}

function rowsOf(path: string, { clients, late: judged, bareMs }: ViewSize, seen: Seen): readonly Row[] {
  const { kib, changes, report } = seen;
  const [sent, acknowledged] = [lateness(seen, "sent"), lateness(seen, "acknowledged")];
  const burst = report.arrivals.map((arrivals) => arrivals.slice(changes.length));
  const rates = burst.map((arrivals) => ((arrivals.length - 1) * 1000) / ((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)));
  const ms = (values: readonly number[]): string =>
    [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(1)).join("/");
  const common = { better: "lower" } as const;
  return [
    {
      ...common,
      // From the 2xx: until then it is the store's time, which is measured as such.
      ...{ name: `a change at ${clients} ${path}, p99`, wanted: Math.max(MAX_P99_MS, bareMs), unit: "ms" },
      seen: percentile(acknowledged, 0.99),
      judged,
      note:
        `p50/p99/max from its 2xx ${ms(acknowledged)}, from the request ${ms(sent)}` +
        (judged ? `; ${MAX_P99_MS} ms, or what writes alone take: ${short(bareMs)}` : ""),
    },
    { ...common, name: `a client of ${path}`, wanted: MAX_KIB, seen: kib, unit: "KiB", note: `${clients} clients` },
    {
      ...common,
      ...{ name: `frames of ${path}`, wanted: MAX_FRAMES_S, seen: Math.max(...rates), unit: "/s" },
      note: "under steady events",
    },
  ];
}

async function measureView({ path, first, each }: (typeof VIEWS)[number], size: ViewSize): Promise<readonly Row[]> {
  const most = String(size.clients);
  const args = ["--max-streams", most, "--max-streams-per-address", most];
  const receiver = await startReceiver(await bundled("receiver/src/main.ts"), { args, node: COLLECTS });
  const far = new Far();
  try {
    const { clients, timed } = size;
    const asked = { port: receiver.port, path, clients, timed, first };
    const seen = await watch(receiver, far, asked, size);
    // Of states who is told late is told once what others were told in two frames; of events everybody is told each.
    const ends = new Set(seen.report.ends.map(([last, blocks]) => (each ? `${last} of ${blocks}` : last)));
    if (ends.size !== 1) throw new Error(`${path}: got ${[...ends].join(", ")}, expected the same for each client`);
    return rowsOf(path, size, seen);
  } finally {
    far.end();
    await receiver.stop();
  }
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const size = quick ? QUICK : FULL;
  const bareMs = size.late ? await bare(size) : 0;
  if (size.late) say(`writes alone: p99 ${short(bareMs)} ms`);
  const rows: Row[] = [];
  for (const view of VIEWS) {
    say(`${view.path}: clients open`);
    rows.push(...(await measureView(view, { ...size, bareMs })));
  }
  return rows;
}
