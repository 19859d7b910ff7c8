// The table of lifecycle.json applied to one event.
import { type Cell, type ConditionName, type Effect, lifecycle, type Phase } from "../../../contract";
import { judge } from "./guards";
import { type LogRecord, textOf } from "./log";
import { compact, type Condition, type VmState } from "./state";

interface Chosen {
  readonly cell: Cell;
  readonly guardReason?: string;
}

/** The branch that the guards leave. */
function choose(state: VmState, record: LogRecord): Chosen {
  let cell = lifecycle.table[state.phase][record.type];
  let guardReason: string | undefined;
  // A roster that names the VM for the first time cannot name another instance than before.
  const instance = state.announced?.instance_id ?? textOf(record.data, "instance_id");
  while (cell?.if !== undefined) {
    const verdict = judge(cell.if, { data: record.data, vm: { instance_id: instance } });
    if (verdict.holds) break;
    guardReason ??= verdict.reason;
    cell = cell.else;
  }
  if (cell === undefined) throw new Error(`lifecycle.json has no cell for ${record.type} in ${state.phase}`);
  return { cell, guardReason };
}

function resolve(effect: Effect, record: LogRecord, guardReason: string | undefined): string {
  if (effect.reason === "$event") return textOf(record.data, "reason") ?? "ansible_failed";
  if (effect.reason === "$guard") return guardReason ?? "evidence_missing";
  return effect.reason;
}

/** Sets the conditions that the named effects set. */
export function setEffects(
  state: VmState,
  names: readonly string[],
  record: LogRecord,
  guardReason?: string,
): { readonly state: VmState; readonly reason?: string } {
  let conditions: Record<ConditionName, Condition> | undefined;
  let last: string | undefined;
  for (const name of names)
    for (const effect of lifecycle.effects[name] ?? []) {
      const { condition, status } = effect;
      last = resolve(effect, record, guardReason);
      const before = (conditions ?? state.conditions)[condition];
      const at = before.status === status ? before.at : record.received;
      const message = effect.reason === "$event" ? textOf(record.data, "message") : undefined;
      // Most events say what is known.
      if (before.status === status && before.reason === last && before.message === message) continue;
      conditions ??= { ...state.conditions };
      conditions[condition] = compact<Condition>({ status, reason: last, message, at });
    }
  return { state: conditions === undefined ? state : { ...state, conditions }, reason: last };
}

function enter(state: VmState, phase: Phase, reason: string | undefined, record: LogRecord, said: boolean): VmState {
  const { phase: from, reason: why, message: words } = state;
  const remembered = phase === "Stale" ? compact({ phase: from, reason: why, message: words }) : undefined;
  // A phase without an effect of its own is one that only a booted machine reaches.
  const because = { reason: reason ?? "booted", message: said ? textOf(record.data, "message") : undefined };
  const isAnother = because.reason !== why || because.message !== words;
  if (phase === from && !isAnother) return state;
  const times =
    phase === from
      ? { since: state.since, why_since: isAnother ? record.received : state.why_since }
      : { since: record.received, why_since: undefined };
  return { ...state, phase, ...because, ...times, remembered };
}

function resume(state: VmState, record: LogRecord): VmState {
  const { phase, reason, message } = state.remembered ?? { phase: "Booted", reason: "booted" };
  const since = { since: record.received, why_since: undefined };
  return { ...state, phase, reason, message, ...since, remembered: undefined };
}

/** What the cell came to. `entered` is its next phase where it names one, even if the VM was in it already. */
export interface Applied {
  readonly state: VmState;
  readonly ignored: boolean;
  readonly entered?: Phase;
}

export function applyCell(state: VmState, record: LogRecord): Applied {
  const { cell, guardReason } = choose(state, record);
  if (cell.ignore) return { state, ignored: true };
  const set = setEffects(state, cell.set ?? [], record, guardReason);
  if (cell.next === "resume") {
    const resumed = resume(set.state, record);
    return cell.then === "cell" ? applyCell(resumed, record) : { state: resumed, ignored: false };
  }
  if (cell.next === undefined || cell.next === "same") return { state: set.state, ignored: false };
  const said = (cell.set ?? []).some((name) => lifecycle.effects[name]?.some(({ reason }) => reason === "$event"));
  const entered = enter(set.state, cell.next, set.reason, record, said);
  return { state: entered, ignored: false, entered: cell.next };
}
