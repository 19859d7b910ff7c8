// The table of lifecycle.json applied to one event.
import { type Cell, type ConditionName, type Effect, lifecycle, type Phase } from "@nexus-pull/contract";
import { judge } from "./guards";
import { type LogRecord, textOf } from "./log";
import type { Condition, Next, VmState, Whole } from "./state";

/** Effects whose reason and message are the event's. */
const FROM_EVENT: ReadonlySet<string> = new Set(
  Object.keys(lifecycle.effects).filter((name) => lifecycle.effects[name]?.some(({ reason }) => reason === "$event")),
);

interface Chosen {
  readonly cell: Cell;
  readonly guardReason?: string;
}

/** The branch that the guards leave. */
function choose(state: VmState, record: LogRecord): Chosen {
  let cell = lifecycle.table[state.phase][record.type];
  let guardReason: string | undefined;
  // A roster that names the VM for the first time cannot name another instance than before.
  const instance = state.announced?.instance_id ?? textOf(record.data["instance_id"]);
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
  if (effect.reason === "$event") return textOf(record.data["reason"]) ?? "ansible_failed";
  if (effect.reason === "$guard") return guardReason ?? "evidence_missing";
  return effect.reason;
}

/** Sets the conditions that the named effects set; the reason that the last of them gives. */
export function setEffects(
  next: Next,
  names: readonly string[],
  record: LogRecord,
  guardReason?: string,
): string | undefined {
  let conditions: Record<ConditionName, Condition> | undefined;
  let last: string | undefined;
  for (const name of names)
    for (const effect of lifecycle.effects[name] ?? []) {
      const { condition, status } = effect;
      last = resolve(effect, record, guardReason);
      const before = (conditions ?? next.conditions)[condition];
      const at = before.status === status ? before.at : record.received;
      const message = effect.reason === "$event" ? textOf(record.data["message"]) : undefined;
      // Most events say what is known.
      if (before.status === status && before.reason === last && before.message === message) continue;
      conditions ??= { ...next.conditions };
      conditions[condition] = { status, reason: last, message, at } satisfies Whole<Condition>;
    }
  if (conditions !== undefined) next.conditions = conditions;
  return last;
}

/** Another phase, for a reason, from now on. */
export function setPhase(next: Next, phase: Phase, reason: string, message: string | undefined, at: number): void {
  next.phase = phase;
  next.reason = reason;
  next.message = message;
  next.since = at;
  next.why_since = undefined;
  next.remembered = undefined;
}

function enter(next: Next, phase: Phase, reason: string | undefined, message: string | undefined, at: number): void {
  const { phase: from, reason: why, message: words, since } = next;
  // A phase without an effect of its own is one that only a booted machine reaches.
  const because = reason ?? "booted";
  const isSame = phase === from;
  if (isSame && because === why && message === words) return;
  setPhase(next, phase, because, message, isSame ? since : at);
  if (isSame) next.why_since = at;
  if (phase === "Stale") next.remembered = { phase: from, reason: why, message: words };
}

function resume(next: Next, at: number): void {
  const { phase, reason, message } = next.remembered ?? { phase: "Booted", reason: "booted" };
  setPhase(next, phase, reason, message, at);
}

/** What the cell came to. `entered` is its next phase where it names one, even if the VM was in it already. */
export interface Applied {
  readonly ignored: boolean;
  readonly entered?: Phase;
}

const IGNORED: Whole<Applied> = { ignored: true, entered: undefined };
const STAYED: Whole<Applied> = { ignored: false, entered: undefined };

export function applyCell(next: Next, record: LogRecord): Applied {
  const { cell, guardReason } = choose(next, record);
  if (cell.ignore) return IGNORED;
  const names = cell.set ?? [];
  const reason = setEffects(next, names, record, guardReason);
  if (cell.next === "resume") {
    resume(next, record.received);
    return cell.then === "cell" ? applyCell(next, record) : STAYED;
  }
  if (cell.next === undefined || cell.next === "same") return STAYED;
  const message = names.some((name) => FROM_EVENT.has(name)) ? textOf(record.data["message"]) : undefined;
  enter(next, cell.next, reason, message, record.received);
  return { ignored: false, entered: cell.next };
}
