// From a VM's log to its state: in effective order, with what waits for a missing seq held back. Pure.
import { lifecycle } from "../../../contract";
import { evolve } from "./evolve";
import { isFromAgent, type LogRecord } from "./log";
import { putMachine, seqOf, streamOf } from "./machines";
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

function arrangeStream(records: readonly LogRecord[], now: number, begin: number): Arranged {
  const sorted = [...records].sort((a, b) => seqOf(a) - seqOf(b));
  const expired = Math.max(0, ...sorted.filter((record) => gapIsOver(record, now)).map(seqOf));
  let next = begin;
  let count = 0;
  for (const record of sorted) {
    if (seqOf(record) !== next && seqOf(record) > expired) break;
    next = seqOf(record) + 1;
    count += 1;
  }
  let place = Infinity;
  const placed = sorted
    .reverse()
    .map((record) => ({ record, place: (place = Math.min(place, record.position)) }))
    .reverse();
  return { applied: placed.slice(0, count), held: placed.slice(count).map(({ record }) => record) };
}

/** The seq that a base waits for next; without one, the first. */
const nextOf = (base: VmState | undefined, stream: string): number => base?.machines[stream]?.next ?? 1;

function arrange(records: readonly LogRecord[], now: number, base: VmState | undefined): Arranged {
  const streams = new Map<string, LogRecord[]>();
  const own: Placed[] = [];
  for (const record of records) {
    if (!isFromAgent(record)) own.push({ record, place: record.position });
    else streams.set(streamOf(record), [...(streams.get(streamOf(record)) ?? []), record]);
  }
  const parts = [...streams].map(([stream, said]) => arrangeStream(said, now, nextOf(base, stream)));
  const applied = [...own, ...parts.flatMap((part) => part.applied)];
  // Two of one place are of one stream, in which seq is the order.
  applied.sort((a, b) => a.place - b.place || seqOf(a.record) - seqOf(b.record));
  const held = parts.flatMap((part) => part.held).sort((a, b) => a.position - b.position);
  return { applied, held };
}

function overhear(state: VmState, record: LogRecord): Next {
  const next = successor(state);
  const machine = state.machines[streamOf(record)];
  if (machine) putMachine(next, { ...machine, heard: Math.max(machine.heard, record.received) });
  next.last = Math.max(state.last, record.position);
  return next;
}

/** Keeps a record until those before it are there. It was heard all the same. */
export function hold(state: VmState, record: LogRecord): VmState {
  const next = overhear(state, record);
  next.held = [...state.held, { stream: streamOf(record), position: record.position, received: record.received }];
  return next;
}

/** It comes before what is folded for good: its place is gone. */
function isTooLate(base: VmState | undefined, record: LogRecord): boolean {
  return base !== undefined && isFromAgent(record) && seqOf(record) < nextOf(base, streamOf(record));
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
  return late.reduce<VmState>(overhear, held.reduce(hold, folded));
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
  let cut = Math.min(through, ...held.map(({ position }) => position - 1));
  for (const { record, place } of [...applied].sort((a, b) => b.place - a.place))
    if (record.position > cut && place <= cut) cut = place - 1;
  return records.some(({ position }) => position <= cut) ? cut : 0;
}

/** The state with one more record at the log's end; undefined: only the whole log tells. */
export function advance(state: VmState | undefined, record: LogRecord): VmState | undefined {
  const before = state ?? initialState(record);
  if (!isFromAgent(record)) return evolve(before, record);
  const waiting = before.held.some(({ stream }) => stream === streamOf(record));
  const next = before.machines[streamOf(record)]?.next ?? 1;
  if (!waiting && seqOf(record) === next) return evolve(before, record);
  return seqOf(record) > next ? holdMore(before, record) : undefined;
}

/** More than this of one VM waits only when something is wrong; then its log is read, which also bounds the state. */
const HELD_AT_MOST = 1000;

function holdMore(state: VmState, record: LogRecord): VmState | undefined {
  return state.held.length < HELD_AT_MOST ? hold(state, record) : undefined;
}
