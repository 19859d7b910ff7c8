// From a VM's log to its state: in effective order, with what waits for a missing seq held back. Pure.
import { lifecycle } from "../../../contract";
import { evolve } from "./evolve";
import { isFromAgent, type LogRecord } from "./log";
import { seqOf, streamOf } from "./machines";
import { initialState, type Held, type VmState } from "./state";

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

function arrangeStream(records: readonly LogRecord[], now: number): Arranged {
  const sorted = [...records].sort((a, b) => seqOf(a) - seqOf(b));
  const expired = Math.max(0, ...sorted.filter((record) => gapIsOver(record, now)).map(seqOf));
  let next = 1;
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

function arrange(records: readonly LogRecord[], now: number): Arranged {
  const streams = new Map<string, LogRecord[]>();
  const own: Placed[] = [];
  for (const record of records) {
    if (!isFromAgent(record)) own.push({ record, place: record.position });
    else streams.set(streamOf(record), [...(streams.get(streamOf(record)) ?? []), record]);
  }
  const parts = [...streams.values()].map((stream) => arrangeStream(stream, now));
  const applied = [...own, ...parts.flatMap((part) => part.applied)];
  // Two of one place are of one stream, in which seq is the order.
  applied.sort((a, b) => a.place - b.place || seqOf(a.record) - seqOf(b.record));
  const held = parts.flatMap((part) => part.held).sort((a, b) => a.position - b.position);
  return { applied, held };
}

/** Keeps a record until those before it are there. It was heard all the same. */
export function hold(state: VmState, record: LogRecord): VmState {
  const held = [...state.held, { stream: streamOf(record), position: record.position, received: record.received }];
  const machine = state.machines[streamOf(record)];
  const heard = machine && { ...machine, heard: Math.max(machine.heard, record.received) };
  const machines = heard ? { ...state.machines, [heard.stream]: heard } : state.machines;
  return { ...state, held, machines, last: Math.max(state.last, record.position) };
}

/** The state that a VM's records come to; `records` is not empty and in any order. */
export function project(records: readonly LogRecord[], now: number): VmState {
  const first = records.reduce((least, record) => (record.position < least.position ? record : least));
  const { applied, held } = arrange(records, now);
  const folded = applied.reduce((state, { record }) => evolve(state, record), initialState(first));
  return held.reduce(hold, folded);
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
