// The one writer: requests queue up, a group of them is decided and committed at once, then all are answered.
import type { LogRecord } from "../domain/log";
import { due } from "../domain/clock";
import { type Changes, type Store, StoreError } from "../store/port";
import { Fleets } from "./fleets";
import { Refusal } from "./refusal";
import { Transaction } from "./transaction";

export interface EngineOptions {
  readonly store: Store;
  readonly now: () => number;
  /** VMs post on a new connection each, so without a pause every event would be a group of its own. @default 2 */
  readonly lingerMs?: number;
  /** @default 500 */
  readonly groupSize?: number;
  readonly observe?: EngineObserver;
}

export interface EngineObserver {
  committed(changes: Changes, seconds: number): void;
  failed(error: unknown): void;
}

/** A decision within a group. It refuses before it changes anything. */
export type Decision<T> = (transaction: Transaction) => Promise<T>;

interface Work {
  readonly decide: Decision<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}
type Settled = { readonly work: Work; readonly value?: unknown; readonly refusal?: Refusal };

/** More than this waits only when the store stands still. */
const QUEUE_AT_MOST = 20_000;

export class Engine {
  public readonly fleets = new Fleets();
  public readonly startedAt: number;
  private readonly queue: Work[] = [];
  private readonly listeners = new Set<(records: readonly LogRecord[]) => void>();
  private last = 0;
  private running?: Promise<void>;
  private closed = false;
  private broken?: StoreError;

  private constructor(private readonly options: EngineOptions) {
    this.startedAt = options.now();
  }

  public static async open(options: EngineOptions): Promise<Engine> {
    const engine = new Engine(options);
    engine.last = await options.store.lastPosition();
    engine.fleets.put(await options.store.states());
    return engine;
  }

  public get position(): number {
    return this.last;
  }
  public get queued(): number {
    return this.queue.length;
  }
  /** Why the last commit failed; undefined when it did not. */
  public get trouble(): StoreError | undefined {
    return this.broken;
  }

  /** Called after each commit, also for one without records: then states changed by time alone. */
  public subscribe(listener: (records: readonly LogRecord[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves when what was decided is durable. */
  public submit<T>(decide: Decision<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Refusal("shutting_down"));
    if (this.queue.length >= QUEUE_AT_MOST) return Promise.reject(new Refusal("store_unavailable"));
    return new Promise<T>((resolve, reject) => {
      this.queue.push({ decide, resolve: resolve as (value: unknown) => void, reject });
      this.running ??= this.run();
    });
  }

  /** Lets time pass: deadlines, silence, gaps. */
  public async tick(): Promise<void> {
    const clock = { now: this.options.now(), startedAt: this.startedAt };
    const late = this.fleets.all().filter((state) => state.held.length > 0 || due(state, clock) !== undefined);
    if (late.length === 0) return;
    await this.submit(async (transaction) => {
      for (const { fleet, vm } of late) await passTime(transaction, fleet, vm);
    });
  }

  /** Answers what is queued, takes nothing more. */
  public async close(): Promise<void> {
    this.closed = true;
    await this.running;
    await this.options.store.close();
  }

  private async run(): Promise<void> {
    const { lingerMs = 2, groupSize = 500 } = this.options;
    while (this.queue.length > 0) {
      if (this.queue.length < groupSize) await new Promise((resolve) => setTimeout(resolve, lingerMs));
      await this.group(this.queue.splice(0, groupSize));
    }
    this.running = undefined;
  }

  private async group(group: readonly Work[]): Promise<void> {
    const clock = { now: this.options.now(), startedAt: this.startedAt };
    const transaction = new Transaction(this.options.store, this.fleets, this.last, clock);
    try {
      const settled: Settled[] = [];
      for (const work of group) settled.push(await decideOne(work, transaction));
      await this.commit(transaction.changes());
      for (const { work, value, refusal } of settled) {
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

  private async commit(changes: Changes): Promise<void> {
    if (changes.records.length + changes.vms.length + changes.requests.length === 0) return;
    const begun = process.hrtime.bigint();
    try {
      await this.options.store.commit(changes);
    } catch (error) {
      if (error instanceof StoreError) this.broken = error;
      throw error;
    }
    this.broken = undefined;
    this.last += changes.records.length;
    this.fleets.put(changes.vms);
    this.options.observe?.committed(changes, Number(process.hrtime.bigint() - begun) / 1e9);
    for (const listener of this.listeners) listener(changes.records);
  }
}

async function decideOne(work: Work, transaction: Transaction): Promise<Settled> {
  try {
    return { work, value: await work.decide(transaction) };
  } catch (error) {
    if (error instanceof Refusal) return { work, refusal: error };
    throw error;
  }
}

async function passTime(transaction: Transaction, fleet: string, vm: string): Promise<void> {
  const state = transaction.state(fleet, vm);
  if (state === undefined) return;
  await transaction.closeGaps(state);
  const draft = due(transaction.state(fleet, vm) ?? state, transaction.clock);
  if (draft !== undefined) await transaction.draft(fleet, vm, draft);
}
