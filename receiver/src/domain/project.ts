// From a VM's log to its state: in effective order, with what waits for a missing seq held back. Pure.
import { lifecycle } from "@nexus-pull/contract";
import { evolve } from "./evolve";
import { isFromAgent, type LogRecord } from "./log";
import { putMachine } from "./machines";
import { type Held, initialState, type Next, successor, type VmState } from "./state";

const GAP_MS = lifecycle.order.gap_wait_s * 1000;

interface Placed {
  readonly record: LogRecord;
  /** Where it counts: never behind a later event of its stream, never behind its own place in the log. */
  readonly place: number;
}

interface Arranged {
  readonly applied: readonly Placed[];
  readonly held: readonly LogRecord[];
}

export function gapIsOver(held: Pick<Held, "received">, now: number): boolean {
  return held.received + GAP_MS <= now;
}

/** Whether something was waited for long enough. */
export function isGapOver({ held }: VmState, now: number): boolean {
  return held.some((one) => gapIsOver(one, now));
}

/** The highest seq of those that were waited for long enough; sorted by seq. */
function expiredThrough(sorted: readonly LogRecord[], now: number): number {
  let expired = 0;
  for (const record of sorted) if (gapIsOver(record, now)) expired = record.seq;
  return expired;
}

function arrangeStream(records: readonly LogRecord[], now: number, begin: number): Arranged {
  const sorted = [...records].sort((a, b) => a.seq - b.seq);
  const expired = expiredThrough(sorted, now);
  let next = begin;
  let count = 0;
  for (const record of sorted) {
    if (record.seq !== next && record.seq > expired) break;
    next = record.seq + 1;
    count += 1;
  }
  let place = Infinity;
  const placed = sorted
    .reverse()
    .map((record) => ({ record, place: (place = Math.min(place, record.position)) }))
    .reverse();
  return { applied: placed.slice(0, count), held: placed.slice(count).map(({ record }) => record) };
}

function groupByStream(records: readonly LogRecord[]): ReadonlyMap<string, readonly LogRecord[]> {
  const streams = new Map<string, LogRecord[]>();
  for (const record of records) {
    const said = streams.get(record.stream);
    if (said === undefined) streams.set(record.stream, [record]);
    else said.push(record);
  }
  return streams;
}

/** The seq that a base waits for next; without one, the first. */
const nextOf = (base: VmState | undefined, stream: string): number => base?.machines[stream]?.next ?? 1;

function arrange(records: readonly LogRecord[], now: number, base: VmState | undefined): Arranged {
  const own = records.filter((record) => !isFromAgent(record)).map((record) => ({ record, place: record.position }));
  const streams = groupByStream(records.filter(isFromAgent));
  const parts = [...streams].map(([stream, said]) => arrangeStream(said, now, nextOf(base, stream)));
  const applied = [...own, ...parts.flatMap((part) => part.applied)];
  // Two of one place are of one stream, in which seq is the order.
  applied.sort((a, b) => a.place - b.place || a.record.seq - b.record.seq);
  const held = parts.flatMap((part) => part.held).sort((a, b) => a.position - b.position);
  return { applied, held };
}

function overhear(state: VmState, record: LogRecord): Next {
  const next = successor(state);
  const machine = state.machines[record.stream];
  if (machine) putMachine(next, { ...machine, heard: Math.max(machine.heard, record.received) });
  next.last = Math.max(state.last, record.position);
  next.records += 1;
  return next;
}

const heldOf = ({ stream, position, received }: LogRecord): Held => ({ stream, position, received });

/** Keeps a record until those before it are there. It was heard all the same. */
export function hold(state: VmState, record: LogRecord): VmState {
  const next = overhear(state, record);
  next.held = [...state.held, heldOf(record)];
  return next;
}

/** The same of many. */
function holdAll(state: VmState, records: readonly LogRecord[]): VmState {
  if (records.length === 0) return state;
  const heard = records.reduce<VmState>(overhear, state);
  return { ...heard, held: [...state.held, ...records.map(heldOf)] };
}

/** It comes before what is folded for good: its place is gone. */
function isTooLate(base: VmState | undefined, record: LogRecord): boolean {
  return base !== undefined && isFromAgent(record) && record.seq < nextOf(base, record.stream);
}

/**
 * The state that a VM's records come to, in any order. `base`: what those before them came to, where they are gone; without
 * one there is at least one record.
 */
export function project(records: readonly LogRecord[], now: number, base?: VmState): VmState {
  const late = records.filter((record) => isTooLate(base, record));
  const rest = late.length === 0 ? records : records.filter((record) => !isTooLate(base, record));
  const { applied, held } = arrange(rest, now, base);
  const folded = applied.reduce((state, { record }) => evolve(state, record), base ?? initialState(firstOf(records)));
  return late.reduce<VmState>(overhear, holdAll(folded, held));
}

function firstOf(records: readonly LogRecord[]): LogRecord {
  return records.reduce((least, record) => (record.position < least.position ? record : least));
}

/**
 * Up to where a VM's log can be folded for good, at most up to `through`: nothing that is behind it, or that a stream still
 * waits for, has its place before it. 0: nowhere.
 */
export function settledThrough(records: readonly LogRecord[], through: number, now: number, base?: VmState): number {
  const rest = records.filter((record) => !isTooLate(base, record));
  const { applied, held } = arrange(rest, now, base);
  let cut = held.reduce((least, { position }) => Math.min(least, position - 1), through);
  for (const { record, place } of [...applied].sort((a, b) => b.place - a.place))
    if (record.position > cut && place <= cut) cut = place - 1;
  return records.some(({ position }) => position <= cut) ? cut : 0;
}

/** Whether an agent's record is what its stream waits for, and nothing of its stream waits for another. */
export function isNext({ held, machines }: VmState, record: LogRecord): boolean {
  const stream = record.stream;
  return record.seq === (machines[stream]?.next ?? 1) && !held.some((one) => one.stream === stream);
}

/** The state with one more record at the log's end; undefined: only the VM's log behind its base tells. */
export function advance(state: VmState | undefined, record: LogRecord): VmState | undefined {
  const before = state ?? initialState(record);
  if (!isFromAgent(record) || isNext(before, record)) return evolve(before, record);
  const waits = record.seq > nextOf(before, record.stream) && before.held.length < lifecycle.order.held_at_most;
  return waits ? hold(before, record) : undefined;
}

/** What records behind a base come to. */
export interface Refolded {
  readonly state: VmState;
  /** So many waited that none is waited for any more: this is now the base, through the last record. */
  readonly givenUp: boolean;
}

/** As `project`, but with no more that wait than a VM may have. */
export function refold(records: readonly LogRecord[], now: number, base?: VmState): Refolded {
  const state = project(records, now, base);
  if (state.held.length <= lifecycle.order.held_at_most) return { state, givenUp: false };
  return { state: project(records, Infinity, base), givenUp: true };
}

/** A base is made whenever so many records more are folded, and leaves about as many in front of it to be put in order. */
export const SETTLED_EVERY = 500;

/** Whether a VM's log has grown by enough for another base. */
export function isSettlingDue(before: VmState | undefined, { records }: VmState): boolean {
  return Math.floor(records / SETTLED_EVERY) > Math.floor((before?.records ?? 0) / SETTLED_EVERY);
}
