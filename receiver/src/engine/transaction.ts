// One group of changes being made: what was committed, and on top of it what is not yet.
import { type AgentEvent, type Event, lifecycle, type Phase } from "@nexus-pull/contract";
import { type Clock, type Draft, hasSuspects, impostors, recovery } from "../domain/clock";
import { evolve } from "../domain/evolve";
import { type LogRecord, recordOf } from "../domain/log";
import { isNews } from "../domain/machines";
import { advance, gapIsOver, isNext, project, settledThrough } from "../domain/project";
import type { VmState } from "../domain/state";
import { type Base, type Changes, nameOf, type Store, type StoredRequest } from "../store/port";
import { type Fleets, keyOf } from "./fleets";

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
  private readonly bases: Base[] = [];

  public constructor(
    private readonly store: Store,
    private readonly fleets: Fleets,
    private readonly last: number,
    public readonly clock: Clock,
    /** Texts that were looked up for it, with undefined for what is not there. */
    private readonly looked: ReadonlyMap<string, string | undefined> = new Map(),
  ) {}

  public changes(): Changes {
    const { records, requests, bases } = this;
    const vms = [...this.timely].flatMap((key) => this.changed.get(key) ?? []);
    return { records, vms, requests, ...(bases.length === 0 ? {} : { bases }) };
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
    const own = this.records.find((record) => record.id === id && record.fleet === fleet && record.vm === vm);
    if (own !== undefined) return own.text;
    const name = nameOf({ fleet, vm, id });
    return this.looked.has(name) ? this.looked.get(name) : this.store.find(fleet, vm, id);
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
    if (before === undefined || !isNext(before, record)) return false;
    if (recovery(before, record.stream, this.clock.now) !== undefined) return false;
    const state = evolve(before, record);
    if (hasSuspects(state)) return false;
    this.records.push(record);
    this.changed.set(key, state);
    this.phases.push(state.phase);
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
    if (!state.held.some((held) => gapIsOver(held, this.clock.now))) return;
    await this.refold(state.fleet, state.vm);
    await this.accuse(state.fleet, state.vm);
  }

  private async append(record: LogRecord): Promise<void> {
    const { fleet, vm } = record;
    this.records.push(record);
    const next = advance(this.state(fleet, vm), record);
    if (next !== undefined) this.changed.set(keyOf(fleet, vm), next);
    this.phases.push((next ?? (await this.refold(fleet, vm))).phase);
  }

  private async accuse(fleet: string, vm: string): Promise<void> {
    const state = this.state(fleet, vm);
    for (const draft of state === undefined ? [] : impostors(state)) await this.draft(fleet, vm, draft);
  }

  private async refold(fleet: string, vm: string): Promise<VmState> {
    const { records, base } = await this.logOf(fleet, vm);
    const state = project(records, this.clock.now, base);
    this.keep(fleet, vm, state);
    return state;
  }

  private keep(fleet: string, vm: string, state: VmState | undefined): void {
    if (state === undefined) return;
    this.changed.set(keyOf(fleet, vm), state);
    this.timely.add(keyOf(fleet, vm));
  }

  /** What is left of a VM's log, and what the rest came to. */
  private async logOf(fleet: string, vm: string) {
    const stored = await this.store.events({ after: 0, limit: Number.MAX_SAFE_INTEGER, fleet, vm });
    const own = this.records.filter((record) => record.fleet === fleet && record.vm === vm);
    return { records: [...stored, ...own], base: (await this.store.base(fleet, vm))?.state };
  }

  /** Folds the beginning of a VM's log for good, so that its records go. How many they are. */
  public async settle(fleet: string, vm: string, goes: (record: LogRecord) => boolean): Promise<number> {
    const { records, base } = await this.logOf(fleet, vm);
    // The newest of all stays: the next position follows it.
    const wanted = records.filter((record) => record.position < this.last && goes(record)).at(-1)?.position ?? 0;
    const through = settledThrough(records, wanted, this.clock.now, base);
    const gone = records.filter(({ position }) => position <= through);
    if (gone.length === 0) return 0;
    this.bases.push({ fleet, vm, through, state: project(gone, this.clock.now, base) });
    // The records that its state is told from are no more.
    this.keep(fleet, vm, this.state(fleet, vm));
    return gone.length;
  }
}
