// One step of the fold: (state, the next record in effective order) -> state. Pure.
import type { Phase } from "@nexus-pull/contract";
import { type Applied, applyCell, setEffects, setPhase } from "./cell";
import { DEFAULT_DEADLINE_S } from "./clock";
import { isFromAgent, type LogRecord, numberOf, textOf } from "./log";
import {
  contest,
  flag,
  formerMachine,
  heardFrom,
  join,
  putMachine,
  releaseMachines,
  suspect,
  trustMachine,
} from "./machines";
import { endsRun, isProved, trackRun } from "./runs";
import {
  type Announcement,
  type Condition,
  type Deadlines,
  type Next,
  rosterDeadline,
  successor,
  type VmState,
  type Whole,
} from "./state";

const ENDS_ROSTER_DEADLINE: readonly Phase[] = ["Configured", "Failed", "Drifted"];
const ENDS_BOOTSTRAP = ["bootstrap.succeeded", "bootstrap.failed", "run.started"];
const CONTESTED = "identity_contested";
const MESSAGE_AT_MOST = 500;
const HEARD = ["heard", "clock_synced"];
const HEARD_BY_ITS_CLOCK = ["heard", "clock_not_synced"];

/** Never throws: a record that it has a defect for is its own VM's failure, and nobody else's. */
export function evolve(state: VmState, record: LogRecord): VmState {
  const next = step(state, record);
  if (next.phase !== state.phase) next.acknowledged = undefined;
  next.last = Math.max(state.last, record.position);
  next.records += 1;
  return next;
}

function step(state: VmState, record: LogRecord): Next {
  const next = successor(state);
  try {
    if (isFromAgent(record)) ofAgent(next, record);
    else ofReceiver(next, record);
    guardContested(next, record);
    return next;
  } catch (error) {
    return failedToFold(state, record, error);
  }
}

/** The state as of before the record, and visibly not more than that. Its stream goes on behind it. */
function failedToFold(state: VmState, record: LogRecord, error: unknown): Next {
  const next = failed(state, `event ${record.id}: ${textOfError(error)}`, record.received);
  const known = state.machines[record.stream];
  if (known !== undefined) putMachine(next, { ...known, next: record.seq + 1, heard: record.received });
  return next;
}

/** The same where no event, but time that passes, brings a defect out. */
export function failedByClock(state: VmState, error: unknown, now: number): VmState {
  return failed(state, `its deadlines and gaps: ${textOfError(error)}`, now);
}

const textOfError = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function failed(state: VmState, words: string, at: number): Next {
  const next = successor(state);
  if (state.phase === "Retired") return next;
  const [reason, message] = ["fold_failed", words.slice(0, MESSAGE_AT_MOST)];
  const unknown: Condition = { status: "False", reason, message, at };
  next.conditions = { ...state.conditions, Converged: unknown };
  setPhase(next, "Failed", reason, message, at);
  return next;
}

/** While two machines live with one identity, nothing proves that the VM is what it should be. */
function guardContested(next: Next, record: LogRecord): void {
  const { contest, phase } = next;
  if (contest === undefined || phase !== "Configured") return;
  if (record.received > contest.until && isProved(record)) {
    next.contest = undefined;
    return;
  }
  const message = `the machine of stream ${contest.stream}, which was superseded, still speaks`;
  setPhase(next, "Failed", CONTESTED, message, record.received);
}

function ofAgent(next: Next, record: LogRecord): void {
  const known = next.machines[record.stream] ?? formerMachine(next, record);
  if (known === undefined) join(next, record);
  putMachine(next, heardFrom(known, record));
  if (known?.gone !== undefined) {
    contest(next, known, record);
    return suspect(next, record, known.gone);
  }
  if (next.phase === "Retired") return;
  setEffects(next, record.data["clock_synced"] === true ? HEARD : HEARD_BY_ITS_CLOCK, record);
  const applied = applyCell(next, record);
  const proved = isProved(record);
  // Before the commits: a run's outcome depends on what was proved before it.
  trackRun(next, record, proved);
  setDeadlines(next, applied, record);
  setCommits(next, applied, record, proved);
}

function setCommits(next: Next, { entered, ignored }: Applied, { data }: LogRecord, proved: boolean): void {
  const intended = textOf(data["intended_sha"]);
  const applied = textOf(data["applied_sha"]);
  next.intended_sha = intended ?? next.intended_sha;
  next.applied_sha = applied ?? next.applied_sha;
  if (entered === "Failed" || entered === "Drifted")
    next.failed_sha = intended ?? next.runs.find(({ run_id }) => run_id === data["run_id"])?.intended_sha;
  if (proved && !ignored) next.proved = { commit: applied ?? "", config_digest: textOf(data["config_digest"]) };
}

function setDeadlines(next: Next, { entered, ignored }: Applied, record: LogRecord): void {
  const before = next.deadlines;
  const ended = entered !== undefined && ENDS_ROSTER_DEADLINE.includes(entered);
  const roster = ended ? undefined : before.roster;
  const bootstrap = bootstrapAfter(before.bootstrap, ignored, record);
  const run = runAfter(before.run, ignored, record);
  // Most events leave them as they are.
  const isSame = roster === before.roster && bootstrap === before.bootstrap && run === before.run;
  if (!isSame) next.deadlines = { roster, bootstrap, run } satisfies Whole<Deadlines>;
}

function bootstrapAfter(before: Deadlines["bootstrap"], ignored: boolean, { type, data, received }: LogRecord) {
  if (type === "bootstrap.started" && !ignored) return { start: received, seconds: numberOf(data["deadline_s"]) ?? 0 };
  return ENDS_BOOTSTRAP.includes(type) ? undefined : before;
}

function runAfter(before: Deadlines["run"], ignored: boolean, { type, data, received }: LogRecord) {
  if (type === "run.started" && !ignored)
    return { start: received, seconds: numberOf(data["timeout_s"]) ?? 0, run_id: textOf(data["run_id"]) ?? "" };
  return before?.run_id === data["run_id"] && endsRun(type) ? undefined : before;
}

function ofReceiver(next: Next, record: LogRecord): void {
  if (record.type === "vm.expected") return expected(next, record);
  const applied = applyCell(next, record);
  if (record.type === "vm.impostor") flag(next, record);
  if (record.type === "vm.acknowledged") next.acknowledged = record.received;
  if (record.type === "vm.retired") next.retired = true;
  if (record.type !== "vm.released") return;
  const kept = textOf(record.data["keep_stream"]);
  if (kept !== undefined && next.machines[kept] !== undefined) trustMachine(next, kept);
  else releaseMachines(next);
  restart(next, applied, record);
}

function expected(next: Next, record: LogRecord): void {
  const { data } = record;
  const announced: Announcement = {
    roster_id: textOf(data["roster_id"]) ?? "",
    instance_id: textOf(data["instance_id"]) ?? "",
    deadline_s: numberOf(data["deadline_s"]) ?? DEFAULT_DEADLINE_S,
    ref: textOf(data["ref"]) ?? "",
  };
  const another = next.announced !== undefined && next.announced.instance_id !== announced.instance_id;
  // Its guard looks at what was announced before.
  const applied = applyCell(next, record);
  if (another) releaseMachines(next);
  restart(next, applied, record);
  next.announced = announced;
  next.retired = undefined;
}

/** The roster's deadline begins anew where the cell leads to Expected; what ran before is over. */
function restart(next: Next, { entered }: Applied, record: LogRecord): void {
  if (entered === "Expected") next.deadlines = rosterDeadline(record.received);
}
