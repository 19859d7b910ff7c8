// Live views: how late a change is at a thousand of them, how often they are written to, and what each of them costs.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { beat, metric, streamOf } from "../../__tests__/receiver-service/client";
import { Place, ReceiverProcess, SECRET } from "../../__tests__/receiver-service/process";
import type { MeasureOptions, Row } from "./row";
import { type Asked, now, type Order, type Report, type Word } from "./sse-clients";

const MAX_P99_MS = 20;
const MAX_KIB = 10;
const MAX_FRAMES_S = 4;

/** Changes are so far apart that none waits for another's frame. */
const APART_MS = 400;
const BURST_MS = 3000;
const SETTLE_MS = 2000;

interface Size {
  readonly clients: number;
  readonly timed: number;
  readonly changes: number;
  /** Of a fleet as it reports, so that the heap is one of a receiver that has been running, not of one that has just begun. */
  readonly before: number;
  /** Whether lateness is judged: milliseconds of a busy machine say nothing. */
  readonly late: boolean;
}
const FULL: Size = { clients: 1000, timed: 50, changes: 40, before: 5000, late: true };
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

  public constructor(private readonly base: string) {}

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

/** The clients' process. */
class Far {
  private readonly child: ChildProcess;
  private readonly words: Word[] = [];
  private wake = (): void => undefined;

  public constructor() {
    this.child = fork(join(__dirname, "sse-clients.ts"), { execArgv: ["--import", "tsx"] });
    this.child.on("message", (word: Word) => {
      this.words.push(word);
      this.wake();
    });
    this.child.once("exit", () => this.wake());
  }

  public ask(order: Order): void {
    this.child.send(order);
  }

  /** What the clients say next that `is` takes; what they said before is forgotten. */
  public async told<T>(what: string, is: (word: Word) => T | undefined, limitMs = 60_000): Promise<T> {
    const deadline = now() + limitMs;
    for (;;) {
      for (let word = this.words.shift(); word !== undefined; word = this.words.shift()) {
        const told = is(word);
        if (told !== undefined) return told;
      }
      const left = deadline - now();
      if (left <= 0 || this.child.exitCode !== null) throw new Error(`the clients never said ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  public end(): void {
    this.child.kill();
  }
}

const rssKiB = async (base: string): Promise<number> => (await metric(base, "process_resident_memory_bytes")) / 1024;

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
async function change(fleet: Fleet, far: Far, already: number, count: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for (let i = 1; i <= count; i += 1) {
    const sent = now();
    await fleet.say();
    changes.push({ sent, acknowledged: now() });
    await far.told(
      `that frame ${already + i} came`,
      (word) => ("frames" in word && word.frames === already + i) || undefined,
    );
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

async function watch(receiver: ReceiverProcess, far: Far, asked: Asked, size: Size): Promise<Seen> {
  const fleet = new Fleet(receiver.base);
  await fleet.sayMany(size.before);
  await sleep(SETTLE_MS);
  const before = await rssKiB(receiver.base);
  far.ask({ open: asked });
  await far.told("that all are open", (word) => "opened" in word || undefined);
  await sleep(SETTLE_MS);
  const kib = ((await rssKiB(receiver.base)) - before) / size.clients;
  const changes = await change(fleet, far, 0, size.changes);
  far.ask("flow");
  const until = now() + BURST_MS;
  while (now() < until) {
    await fleet.say();
    await sleep(5);
  }
  await sleep(SETTLE_MS);
  far.ask("report");
  const report = await far.told("what they saw", (word) => ("report" in word ? word.report : undefined));
  return { kib, changes, report };
}

function rowsOf(path: string, { clients, late: judged }: Size, { kib, changes, report }: Seen): readonly Row[] {
  const lateness = (since: keyof Change): readonly number[] =>
    changes.flatMap((one, i) => report.arrivals.map((arrivals) => (arrivals[i] ?? NaN) - one[since]));
  const [sent, acknowledged] = [lateness("sent"), lateness("acknowledged")];
  const burst = report.arrivals.map((arrivals) => arrivals.slice(changes.length));
  const rates = burst.map((arrivals) => ((arrivals.length - 1) * 1000) / ((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)));
  const ms = (values: readonly number[]): string =>
    [0.5, 0.99, 1].map((share) => percentile(values, share).toFixed(1)).join("/");
  const common = { better: "lower" } as const;
  return [
    {
      ...common,
      // From the 2xx: until then it is the store's time, which is measured as such.
      ...{ name: `a change at ${clients} ${path}, p99`, wanted: MAX_P99_MS, unit: "ms" },
      seen: percentile(acknowledged, 0.99),
      judged,
      note: `p50/p99/max from its 2xx ${ms(acknowledged)}, from the request ${ms(sent)}`,
    },
    { ...common, name: `a client of ${path}`, wanted: MAX_KIB, seen: kib, unit: "KiB", note: `${clients} clients` },
    {
      ...common,
      ...{ name: `frames of ${path}`, wanted: MAX_FRAMES_S, seen: Math.max(...rates), unit: "/s" },
      note: "under steady events",
    },
  ];
}

async function measureView({ path, first, each }: (typeof VIEWS)[number], size: Size): Promise<readonly Row[]> {
  const place = new Place();
  const most = String(size.clients);
  const env = {
    ...{ NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_RATE: "0" },
    ...{ NEXUS_PULL_MAX_STREAMS: most, NEXUS_PULL_MAX_STREAMS_PER_ADDRESS: most },
  };
  const receiver = await ReceiverProcess.start(place, 0, env);
  const far = new Far();
  try {
    const { clients, timed } = size;
    const asked = { port: Number(new URL(receiver.base).port), path, clients, timed, first };
    const seen = await watch(receiver, far, asked, size);
    // Of states who is told late is told once what others were told in two frames; of events everybody is told each.
    const ends = new Set(seen.report.ends.map(([last, blocks]) => (each ? `${last} of ${blocks}` : last)));
    if (ends.size !== 1) throw new Error(`${path}: got ${[...ends].join(", ")}, expected the same for each client`);
    return rowsOf(path, size, seen);
  } finally {
    far.end();
    await receiver.end();
    place.remove();
  }
}

export async function measure({ quick, say }: MeasureOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const view of VIEWS) {
    say(`${view.path}: clients open`);
    rows.push(...(await measureView(view, quick ? QUICK : FULL)));
  }
  return rows;
}
