// The states that a store's log comes to: those that are kept, and what is behind them in the log. Where none are kept, the
// whole log is folded, and what its beginnings come to is found on the way.
import { isFromAgent, type LogRecord } from "../domain/log";
import { advance, isSettlingDue, refold } from "../domain/project";
import type { VmState } from "../domain/state";
import type { Base, Loader } from "../store/port";
import { keyOf } from "./fleets";

/** A VM's records behind a position, oldest first. */
export type LogOf = Loader["logOf"];

export class Reading {
  public readonly states = new Map<string, VmState>();
  /** The first record that a VM's kept state lacks, oldest first. */
  public readonly lacks = new Map<string, number>();
  /** Bases that were found. */
  public readonly found = new Map<string, Base>();
  /** What is a base as soon as about as many records are behind it. */
  private readonly candidates = new Map<string, Base>();

  public constructor(
    private readonly logOf: LogOf,
    private readonly baseOf: (fleet: string, vm: string) => Promise<Base | undefined>,
    private readonly now: number,
  ) {}

  public begin(states: readonly VmState[]): void {
    for (const state of states) this.states.set(keyOf(state.fleet, state.vm), state);
  }

  public async take(record: LogRecord): Promise<void> {
    const key = keyOf(record.fleet, record.vm);
    const before = this.states.get(key);
    if (before !== undefined && record.position <= before.last) return;
    const next = advance(before, record) ?? (await this.refold(key, record, before));
    this.states.set(key, next);
    if (!this.lacks.has(key)) this.lacks.set(key, record.position);
    if (isSettlingDue(before, next) && next.held.length === 0) this.settle(key, record, next);
  }

  private settle(key: string, { fleet, vm, position }: LogRecord, state: VmState): void {
    const base = this.candidates.get(key);
    if (base !== undefined) this.found.set(key, base);
    this.candidates.set(key, { fleet, vm, through: position, state });
  }

  private async refold(key: string, record: LogRecord, before: VmState | undefined): Promise<VmState> {
    const { fleet, vm, position } = record;
    const base = this.found.get(key) ?? (await this.baseOf(fleet, vm));
    // As many as there are up to this one.
    const limit = Math.max((before?.records ?? 0) - (base?.state.records ?? 0), 0) + 1;
    const log = await this.logOf(fleet, vm, base?.through ?? 0, limit);
    const { state, givenUp } = refold(log, this.now, base?.state);
    if (givenUp) this.found.set(key, { fleet, vm, through: position, state });
    if (givenUp || this.isInside(key, record)) this.candidates.delete(key);
    return state;
  }

  private isInside(key: string, record: LogRecord): boolean {
    const next = this.candidates.get(key)?.state.machines[record.stream]?.next ?? 0;
    return isFromAgent(record) && record.seq < next;
  }
}
