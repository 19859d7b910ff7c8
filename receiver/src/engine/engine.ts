// The one writer: requests queue up, a group of them is decided and committed at once, then all are answered.
import type { Phase } from "@nexus-pull/contract";
import type { LogRecord } from "../domain/log";
import { due } from "../domain/clock";
import { isGapOver } from "../domain/project";
import type { VmState } from "../domain/state";
import { type Changes, type EventName, type Head, isNothing, nameOf, type News, NOWHERE } from "../store/port";
import { type Store, StoreError } from "../store/port";
import { type Fleets, keyOf } from "./fleets";
import { Gathering } from "./gathering";
import { Projection, type Told } from "./projection";
import { Refusal } from "./refusal";
import { Transaction } from "./transaction";

export interface EngineOptions {
  readonly store: Store;
  readonly now: () => number;
  /** What a group is waited for, so that not every event is one of its own; `Gathering` has how. @default 2 */
  readonly lingerMs?: number;
  /** @default 500 */
  readonly groupSize?: number;
  readonly observe?: EngineObserver;
  /** How many records of the log a state that is kept in the store may be behind. @default 20000 */
  readonly behindAtMost?: number;
}

export interface EngineObserver {
  /** `states`: those that changed, by key. */
  committed(records: readonly LogRecord[], states: ReadonlyMap<string, VmState>, seconds: number): void;
  failed(error: unknown): void;
}

/** `phases`: of its VM after each record. */
type Listener = (records: readonly LogRecord[], phases: readonly (Phase | undefined)[]) => void;

/** A decision within a group. It refuses before it changes anything. Most need nothing that they would wait for. */
export type Decision<T> = (transaction: Transaction) => T | Promise<T>;

/** What a decision is known to ask for, so that it can be looked up for a whole group at once. */
export type Finds = readonly EventName[];

interface Work {
  readonly decide: Decision<unknown>;
  readonly finds: Finds;
  readonly weight: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}
type Settled = { readonly work: Work; readonly value?: unknown; readonly refusal?: Refusal };

/** More than this waits only when the store stands still. */
const QUEUE_AT_MOST = 20_000;
/** A store that could not be written to for longer was an outage, in which the fleet could not be heard. */
const OUTAGE_MS = 30_000;
const PROBE = ["probe", "x".repeat(16_384)] as const;
/** Only the head is asked for. */
const EVERYTHING: Head = { position: Number.MAX_SAFE_INTEGER, version: Number.MAX_SAFE_INTEGER };

/** More are a commit of which the main thread has too much to do at once. */
const RECORDS_AT_ONCE = 2000;
/** A group is decided for so long without a pause. */
const TURN_MS = 20;
/** A VM whose time could not pass for a defect is not tried again before. */
const TRY_AGAIN_MS = 60_000;

interface Trouble {
  readonly error: StoreError;
  readonly since: number;
}

export class Engine {
  public readonly fleets: Fleets;
  private readonly projection: Projection;
  private readonly queue: Work[] = [];
  private readonly listeners = new Set<Listener>();
  private head = NOWHERE;
  private running?: Promise<void>;
  private writing?: Promise<void>;
  private readonly groupSize: number;
  /** VMs whose time is not to pass before, by key. */
  private readonly notBefore = new Map<string, number>();
  private readonly gathering: Gathering;
  private closed = false;
  private readonly troubles: Record<"reading" | "writing", Trouble | undefined> = {
    reading: undefined,
    writing: undefined,
  };
  private listening: number;
  private reading: Promise<void> = Promise.resolve();
  private nextReading?: Promise<void>;

  private constructor(private readonly options: EngineOptions) {
    const { lingerMs = 2, groupSize = 500 } = options;
    this.groupSize = groupSize;
    this.gathering = new Gathering({ waiting: () => this.queue.length, lingerMs, groupSize });
    this.listening = options.now();
    this.projection = new Projection(options.store, options.now, options.behindAtMost);
    this.fleets = this.projection.fleets;
  }

  public static async open(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    // The head first: states may be newer than it, but none older.
    engine.head = (await options.store.news(EVERYTHING)).head;
    const { take, found = [] } = await engine.projection.read();
    take();
    await engine.eachAtOnce(found, (base) => engine.submit((transaction) => transaction.adopt(base)));
    await options.store.follow(() => void engine.heard());
    return engine;
  }

  public get position(): number {
    return this.head.position;
  }
  public get queued(): number {
    return this.queue.length;
  }
  /** When it began to listen, or could again. */
  public get startedAt(): number {
    return this.listening;
  }
  /** Why the store was last of no use; undefined when it was. */
  public get trouble(): StoreError | undefined {
    return (this.troubles.writing ?? this.troubles.reading)?.error;
  }

  /** Called after each commit, also for one without records: then states changed by time alone. */
  public subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves when what was decided is durable. `weight`: about how many records it appends. */
  public submit<T>(decide: Decision<T>, finds: Finds = [], weight = 1): Promise<T> {
    if (this.closed) return Promise.reject(new Refusal("shutting_down"));
    if (this.queue.length >= QUEUE_AT_MOST) return Promise.reject(new Refusal("store_unavailable"));
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ decide, finds, weight, resolve: resolve as (value: unknown) => void, reject });
      this.gathering.another();
      this.running ??= this.run();
    });
  }

  /** Resolves when everything is known that anybody had committed before the call, or the store does not answer. */
  public refresh(): Promise<void> {
    if (!this.options.store.shared || this.closed) return Promise.resolve();
    this.nextReading ??= this.reading.then(() => {
      this.nextReading = undefined;
      return (this.reading = this.catchUp());
    });
    return this.nextReading;
  }

  /** Told of whatever is committed, also of what it commits itself, which is not to be read again. */
  private async heard(): Promise<void> {
    await this.writing;
    await this.refresh();
  }

  private async catchUp(): Promise<void> {
    try {
      await this.learn(await this.options.store.news(this.head));
      this.works("reading");
    } catch (error) {
      if (this.troubles.reading === undefined) this.options.observe?.failed(error);
      this.fails("reading", error);
    }
  }

  /** Lets time pass: deadlines, silence, gaps. Several receivers may: each decides by what is committed. */
  public async tick(): Promise<void> {
    await this.refresh();
    if (this.troubles.writing !== undefined) await this.probe();
    if (this.trouble !== undefined) return;
    const clock = this.clock();
    const isLate = (state: VmState): boolean => isGapOver(state, clock.now) || due(state, clock) !== undefined;
    await this.eachAtOnce(this.fleets.all().filter(isLate), (state) => this.letTimePass(state));
  }

  /** Each VM's time is a decision of its own, so that what one brings out is no other's. */
  private async letTimePass({ fleet, vm }: VmState): Promise<void> {
    const key = keyOf(fleet, vm);
    if ((this.notBefore.get(key) ?? 0) > this.options.now()) return;
    this.notBefore.delete(key);
    try {
      await this.submit((transaction) => passTime(transaction, fleet, vm));
    } catch (error) {
      if (error instanceof StoreError || error instanceof Refusal) throw error;
      this.notBefore.set(key, this.options.now() + TRY_AGAIN_MS);
      await this.submit((transaction) => transaction.fail(fleet, vm, error));
    }
  }

  /** A part of them at a time, so that the queue has room; the first failure is told when all were tried. */
  private async eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    for (let at = 0; at < items.length; at += this.groupSize) {
      const results = await Promise.allSettled(items.slice(at, at + this.groupSize).map(work));
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
  }

  /** Whoever asks whether the store can be written to again sends no events before it is told so. */
  private async probe(): Promise<void> {
    const { store } = this.options;
    const [key, value] = PROBE;
    try {
      await store.swap(key, undefined, value);
      await store.swap(key, value, undefined);
      this.works("writing");
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Nothing could be heard for a while, e.g. because the machine slept: silence counts from now. */
  public deaf(): void {
    this.listening = this.options.now();
  }

  private works(what: "reading" | "writing"): void {
    const since = this.troubles[what]?.since ?? Infinity;
    if (this.options.now() - since > OUTAGE_MS) this.deaf();
    this.troubles[what] = undefined;
  }

  private fails(what: "reading" | "writing", error: unknown): void {
    const since = this.troubles[what]?.since ?? this.options.now();
    if (error instanceof StoreError) this.troubles[what] = { error, since };
  }

  private clock() {
    return { now: this.options.now(), startedAt: this.startedAt };
  }

  /** Answers what is queued, takes nothing more. */
  public async close(): Promise<void> {
    this.closed = true;
    await this.running;
    await this.reading;
    await this.options.store.close();
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0) {
      await this.gathering.complete();
      const group = this.queue.splice(0, this.sizeOfGroup());
      await (this.writing = this.group(group));
      this.gathering.took(group.length);
    }
    this.running = undefined;
  }

  /** As many as are committed at once: a batch is as much as its events are. */
  private sizeOfGroup(): number {
    let records = 0;
    const last = this.queue.findIndex(({ weight }) => (records += weight) > RECORDS_AT_ONCE);
    return Math.min(this.groupSize, last < 0 ? this.queue.length : Math.max(last, 1));
  }

  private async group(group: readonly Work[]): Promise<void> {
    try {
      for (const { work, value, refusal } of await this.writeGroup(group)) {
        if (refusal === undefined) work.resolve(value);
        else work.reject(refusal);
      }
    } catch (error) {
      this.options.observe?.failed(error);
      if (error instanceof StoreError || group.length === 1) for (const work of group) work.reject(error);
      // A defect that one request brings out must not be the others': each gets a group of its own.
      else for (const work of group) await this.group([work]);
    }
  }

  private async writeGroup(group: readonly Work[]): Promise<readonly Settled[]> {
    let settled: Settled[] = [];
    let changes: Changes = { records: [], vms: [], requests: [] };
    let states: ReadonlyMap<string, VmState> = new Map();
    let phases: readonly Phase[] = [];
    let begun = process.hrtime.bigint();
    try {
      const head = await this.options.store.write(this.head, async (news) => {
        await this.learn(news);
        const transaction = await this.transaction(group);
        settled = await decideAll(group, transaction);
        states = transaction.states();
        phases = transaction.phases;
        begun = process.hrtime.bigint();
        await transaction.settleGrown();
        return (changes = this.complete(transaction));
      });
      if (isNothing(changes)) return settled;
      this.works("writing");
      this.options.observe?.committed(changes.records, states, Number(process.hrtime.bigint() - begun) / 1e9);
      this.apply(head, changes.records, { phases, take: () => this.projection.take(states, changes) });
    } catch (error) {
      this.fails("writing", error);
      throw error;
    }
    return settled;
  }

  private async transaction(group: readonly Work[]): Promise<Transaction> {
    const { store } = this.options;
    const names = group.flatMap(({ finds }) => finds);
    const texts = names.length === 0 ? new Map<string, string>() : await store.texts(names);
    const looked = new Map(names.map((name) => [nameOf(name), texts.get(nameOf(name))] as const));
    return new Transaction(store, this.fleets, this.head.position, this.clock(), looked);
  }

  private complete(transaction: Transaction): Changes {
    const changes = transaction.changes();
    return isNothing(changes) ? changes : this.projection.withDue(changes, transaction.states(), this.head.position);
  }

  /** What others committed. */
  private async learn(news: News): Promise<void> {
    if (news.head.version <= this.head.version) return;
    this.apply(news.head, news.records, this.projection.told(news) ?? (await this.projection.read()));
  }

  /** What became known, in the order of versions: news that is older than what is known is none. */
  private apply(head: Head, records: readonly LogRecord[], { phases, take }: Told): void {
    if (head.version <= this.head.version) return;
    const fresh = records.filter(({ position }) => position > this.head.position);
    this.head = head;
    take();
    // What is known already comes first. Of what only the whole store told, no more is known than what it came to.
    const after =
      phases?.slice(records.length - fresh.length) ?? fresh.map(({ fleet, vm }) => this.fleets.get(fleet, vm)?.phase);
    for (const listener of this.listeners) listener(fresh, after);
  }
}

/** Others have a turn when a group takes long to decide. */
async function decideAll(group: readonly Work[], transaction: Transaction): Promise<Settled[]> {
  const settled: Settled[] = [];
  let begun = performance.now();
  for (const work of group) {
    const one = decideOne(work, transaction);
    settled.push(one instanceof Promise ? await one : one);
    if (performance.now() - begun < TURN_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    begun = performance.now();
  }
  return settled;
}

function decideOne(work: Work, transaction: Transaction): Settled | Promise<Settled> {
  const refused = (error: unknown): Settled => {
    if (error instanceof Refusal) return { work, refusal: error };
    throw error;
  };
  try {
    const value = work.decide(transaction);
    return value instanceof Promise ? value.then((value: unknown) => ({ work, value }), refused) : { work, value };
  } catch (error) {
    return refused(error);
  }
}

async function passTime(transaction: Transaction, fleet: string, vm: string): Promise<void> {
  const state = transaction.state(fleet, vm);
  if (state === undefined) return;
  await transaction.closeGaps(state);
  const draft = due(transaction.state(fleet, vm) ?? state, transaction.clock);
  if (draft !== undefined) await transaction.draft(fleet, vm, draft);
}
