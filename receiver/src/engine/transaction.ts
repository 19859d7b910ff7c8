// One group of changes being made: what was committed, and on top of it what is not yet.
import { type AgentEvent, type Event, lifecycle, type Phase } from "@nexus-pull/contract";
import { type Clock, type Draft, hasSuspects, impostors, recovery } from "../domain/clock";
import { evolve, failedByClock } from "../domain/evolve";
import { type LogRecord, recordOf } from "../domain/log";
import { isNews } from "../domain/machines";
import {
  advance,
  isGapOver,
  isNext,
  isSettlingDue,
  project,
  refold,
  SETTLED_EVERY,
  settledThrough,
} from "../domain/project";
import type { VmState } from "../domain/state";
import { type Base, type Changes, type Cut, nameOf, type Store, type StoredRequest } from "../store/port";
import { type Fleets, keyOf } from "./fleets";

/** Behind a base that is no farther from the log's end, a VM's records are found fast, whoever wrote the others. */
const FAR = 5000;
/** So many of the newest stay in front of a base that is made on such an occasion. */
const NEAR = 20;
/** Records that go in one decision. */
const AT_ONCE = 2000;

/** An agent's event that passed every check. */
export interface Incoming {
  readonly event: Event;
  readonly text: string;
}

export class Transaction {
  private readonly records: LogRecord[] = [];
  /** Of its VM after each of the records. */
  public readonly phases: Phase[] = [];
  private readonly changed = new Map<string, VmState>();
  /** Whose state the records alone do not tell, as time had a part in it. */
  private readonly timely = new Set<string>();
  private readonly requests: StoredRequest[] = [];
  private readonly bases = new Map<string, Base>();
  private readonly cuts: Cut[] = [];
  /** VMs whose log has grown by enough for another base. */
  private readonly grown = new Set<string>();
  /** Texts of its own agents' events, by name. */
  private readonly own = new Map<string, string>();

  public constructor(
    private readonly store: Store,
    private readonly fleets: Fleets,
    private readonly last: number,
    public readonly clock: Clock,
    /** Texts that were looked up for it, with undefined for what is not there. */
    private readonly looked: ReadonlyMap<string, string | undefined> = new Map(),
  ) {}

  public changes(): Changes {
    const { records, requests, cuts } = this;
    const vms = [...this.timely].flatMap((key) => this.changed.get(key) ?? []);
    return { records, vms, requests, bases: [...this.bases.values()], cuts };
  }

  private get nextPosition(): number {
    return this.last + this.records.length + 1;
  }

  /** Every state that is another than before. */
  public states(): ReadonlyMap<string, VmState> {
    return this.changed;
  }

  public state(fleet: string, vm: string): VmState | undefined {
    return this.byKey(keyOf(fleet, vm));
  }

  private byKey(key: string): VmState | undefined {
    return this.changed.get(key) ?? this.fleets.byKey(key);
  }

  public statesOf(fleet: string): VmState[] {
    const own = [...this.changed.values()].filter((state) => state.fleet === fleet);
    const names = new Set(own.map(({ vm }) => vm));
    return [...own, ...this.fleets.all().filter((state) => state.fleet === fleet && !names.has(state.vm))];
  }

  /** Text of the stored event of an agent's event's id, also of one that is being stored. */
  public async textOf({ id, data }: AgentEvent): Promise<string | undefined> {
    const { fleet, vm } = data;
    if (isNews(this.state(fleet, vm), data)) return undefined;
    const name = nameOf({ fleet, vm, id });
    const own = this.own.get(name);
    if (own !== undefined) return own;
    return this.looked.has(name) ? this.looked.get(name) : this.store.find(fleet, vm, id);
  }

  /** Whether an event's place is folded for good, so that only what is stored is known of it. */
  public async isSettled({ data }: AgentEvent): Promise<boolean> {
    const { fleet, vm, stream, seq } = data;
    // Of most, the state tells it without a question to the store.
    if (seq >= (this.state(fleet, vm)?.machines[stream]?.next ?? 0)) return false;
    return seq < ((await this.base(fleet, vm))?.state.machines[stream]?.next ?? 0);
  }

  private async base(fleet: string, vm: string): Promise<Base | undefined> {
    return this.bases.get(keyOf(fleet, vm)) ?? (await this.store.base(fleet, vm));
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    return this.requests.find((one) => one.id === id) ?? (await this.store.request(id));
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    const own = this.requests.filter(
      (one) => one.counts && one.kind === kind && one.fleet === fleet && (vm === undefined || one.vm === vm),
    );
    return own.at(-1) ?? (await this.store.newestRequest(kind, fleet, vm));
  }

  public addRequest(request: StoredRequest): void {
    this.requests.push(request);
  }

  /**
   * Takes an agent's event at once if it is the next of its stream and the receiver has nothing to say about it, as of most.
   * False: it is another, and nothing has happened.
   */
  public takeNext({ event, text }: Incoming): boolean {
    const record = recordOf(event, text, this.nextPosition, this.clock.now);
    const key = keyOf(record.fleet, record.vm);
    const before = this.byKey(key);
    if (before?.machines[record.stream] === undefined || !isNext(before, record)) return false;
    if (recovery(before, record.stream, this.clock.now) !== undefined) return false;
    const state = evolve(before, record);
    if (hasSuspects(state)) return false;
    this.add(record);
    this.phases.push(this.grow(key, before, state).phase);
    return true;
  }

  /** An agent's event, with what the receiver has to say before and after it. */
  public async take({ event, text }: Incoming): Promise<void> {
    const record = recordOf(event, text, this.nextPosition, this.clock.now);
    const before = this.state(record.fleet, record.vm);
    const recovered = before && recovery(before, record.stream, this.clock.now);
    if (recovered !== undefined) await this.draft(record.fleet, record.vm, recovered);
    await this.append({ ...record, position: this.nextPosition });
    await this.accuse(record.fleet, record.vm);
  }

  /** An event of the receiver's own. */
  public async draft(fleet: string, vm: string, { type, data }: Draft): Promise<void> {
    const position = this.nextPosition;
    const event = {
      specversion: "1.0",
      // Positions are never given twice, so neither is this.
      id: `receiver-${position}`,
      source: `/fleets/${fleet}/vms/${vm}`,
      type: lifecycle.type_prefix + type,
      time: new Date(this.clock.now).toISOString(),
      datacontenttype: "application/json",
      data: { fleet, vm, ...data },
    };
    await this.append(recordOf(event as unknown as Event, JSON.stringify(event), position, this.clock.now));
  }

  /** Folds a VM anew when a gap has been waited for long enough. */
  public async closeGaps(state: VmState): Promise<void> {
    if (!isGapOver(state, this.clock.now)) return;
    await this.refold(state.fleet, state.vm);
    await this.accuse(state.fleet, state.vm);
  }

  private add(record: LogRecord): void {
    this.records.push(record);
    if (record.seq > 0) this.own.set(nameOf(record), record.text);
  }

  private grow(key: string, before: VmState | undefined, state: VmState): VmState {
    this.changed.set(key, state);
    if (isSettlingDue(before, state)) this.grown.add(key);
    return state;
  }

  private async append(record: LogRecord): Promise<void> {
    const { fleet, vm } = record;
    this.add(record);
    const before = this.state(fleet, vm);
    const next = advance(before, record) ?? (await this.refold(fleet, vm));
    this.phases.push(this.grow(keyOf(fleet, vm), before, next).phase);
  }

  private async accuse(fleet: string, vm: string): Promise<void> {
    const state = this.state(fleet, vm);
    for (const draft of state === undefined ? [] : impostors(state)) await this.draft(fleet, vm, draft);
  }

  private async refold(fleet: string, vm: string): Promise<VmState> {
    const { records, base } = await this.logOf(fleet, vm);
    const { state, givenUp } = refold(records, this.clock.now, base?.state);
    if (givenUp) this.bases.set(keyOf(fleet, vm), { fleet, vm, through: this.nextPosition - 1, state });
    // Where others' records are many, the way back to the base is long: it is not to be gone often.
    else if (this.last - (base?.through ?? 0) > FAR) this.rebase(records, base, NEAR);
    this.keep(fleet, vm, state);
    return state;
  }

  private keep(fleet: string, vm: string, state: VmState | undefined): void {
    if (state === undefined) return;
    this.changed.set(keyOf(fleet, vm), state);
    this.timely.add(keyOf(fleet, vm));
  }

  /** What of a VM's log is behind its base. */
  private async logOf(fleet: string, vm: string) {
    const base = await this.base(fleet, vm);
    const after = base?.through ?? 0;
    const stored = await this.store.events({ after, limit: Number.MAX_SAFE_INTEGER, fleet, vm });
    const own = this.records.filter((one) => one.fleet === fleet && one.vm === vm && one.position > after);
    return { records: [...stored, ...own], base };
  }

  /** Folds all but the newest of a VM's records for good, where that can be. */
  private rebase(records: readonly LogRecord[], base: Base | undefined, newest: number): void {
    const wanted = records.at(-1 - newest)?.position ?? 0;
    const settled = this.settledBase(records, base, wanted);
    if (settled !== undefined) this.bases.set(keyOf(settled.fleet, settled.vm), settled);
  }

  private settledBase(records: readonly LogRecord[], base: Base | undefined, wanted: number): Base | undefined {
    const through = settledThrough(records, wanted, this.clock.now, base?.state);
    const settled = records.filter(({ position }) => position <= through);
    const [first] = settled;
    if (first === undefined) return undefined;
    const state = project(settled, this.clock.now, base?.state);
    return { fleet: first.fleet, vm: first.vm, through, state };
  }

  /** What a defect leaves of a VM: visibly not what its log says. */
  public fail(fleet: string, vm: string, error: unknown): void {
    const state = this.state(fleet, vm);
    if (state !== undefined) this.keep(fleet, vm, failedByClock(state, error, this.clock.now));
  }

  /** Moves the bases of the VMs whose log has grown. */
  public async settleGrown(): Promise<void> {
    for (const key of this.grown) {
      const state = this.byKey(key);
      if (state === undefined) continue;
      const { records, base } = await this.logOf(state.fleet, state.vm);
      this.rebase(records, base, SETTLED_EVERY);
    }
    this.grown.clear();
  }

  /** Takes over a base that was found while the log was folded anew. */
  public async adopt(base: Base): Promise<void> {
    const { fleet, vm, through } = base;
    if (((await this.base(fleet, vm))?.through ?? 0) < through) this.bases.set(keyOf(fleet, vm), base);
  }

  /** Lets go the beginning of a VM's log, folded for good; at most `AT_ONCE` records. How many they are. */
  public async settle(fleet: string, vm: string, goes: (record: LogRecord) => boolean): Promise<number> {
    const oldest = await this.store.events({ after: 0, limit: AT_ONCE, fleet, vm });
    // The newest of all stays: the next position follows it.
    const wanted = oldest.filter((record) => record.position < this.last && goes(record)).at(-1)?.position ?? 0;
    if (wanted === 0) return 0;
    const { records, base } = await this.logOf(fleet, vm);
    const settled = this.settledBase(records, base, wanted);
    if (settled !== undefined) this.bases.set(keyOf(fleet, vm), settled);
    const through = Math.min(wanted, settled?.through ?? base?.through ?? 0);
    const gone = oldest.filter(({ position }) => position <= through);
    if (gone.length === 0) return 0;
    this.cuts.push({ fleet, vm, through });
    // The records that its state is told from are no more.
    this.keep(fleet, vm, this.state(fleet, vm));
    return gone.length;
  }
}
