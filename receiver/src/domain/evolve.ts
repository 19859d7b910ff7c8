// One step of the fold: (state, the next record in effective order) -> state. Pure.
import { lifecycle, type Phase } from "../../../contract";
import { type Applied, applyCell, setEffects } from "./cell";
import { isFromAgent, type LogRecord, numberOf, textOf } from "./log";
import { flag, heardFrom, join, releaseMachines, streamOf, suspect, withMachine } from "./machines";
import { endsRun, isProved, trackRun } from "./runs";
import { type Announcement, compact, type Deadlines, type VmState } from "./state";

const ENDS_ROSTER_DEADLINE: readonly Phase[] = ["Configured", "Failed", "Drifted"];
const ENDS_BOOTSTRAP = ["bootstrap.succeeded", "bootstrap.failed", "run.started"];

export function evolve(state: VmState, record: LogRecord): VmState {
  const next = isFromAgent(record) ? ofAgent(state, record) : ofReceiver(state, record);
  const acknowledged = next.phase === state.phase ? next.acknowledged : undefined;
  return compact<VmState>({ ...next, acknowledged, last: Math.max(state.last, record.position) });
}

function ofAgent(state: VmState, record: LogRecord): VmState {
  const known = state.machines[streamOf(record)];
  const heard = withMachine(state, heardFrom(known, record));
  if (known?.gone !== undefined) return suspect(heard, record, known.gone);
  const joined = known === undefined ? withMachine(join(state, record), heardFrom(undefined, record)) : heard;
  if (joined.phase === "Retired") return joined;
  const clock = record.data["clock_synced"] === true ? "clock_synced" : "clock_not_synced";
  const fresh = setEffects(joined, ["heard", clock], record).state;
  const applied = applyCell(fresh, record);
  const runs = trackRun(fresh, record);
  const deadlines = deadlinesAfter(applied, record);
  return { ...applied.state, runs, deadlines, ...commits(applied, record) };
}

function commits(applied: Applied, record: LogRecord): Partial<VmState> {
  const { state, entered } = applied;
  const { data } = record;
  const run = state.runs.find(({ run_id }) => run_id === data["run_id"]);
  const about = textOf(data, "intended_sha") ?? run?.intended_sha;
  const failed = entered === "Failed" || entered === "Drifted";
  const proof = isProved(record) && !applied.ignored;
  return {
    intended_sha: textOf(data, "intended_sha") ?? state.intended_sha,
    applied_sha: textOf(data, "applied_sha") ?? state.applied_sha,
    failed_sha: failed ? about : state.failed_sha,
    proved: proof
      ? compact({ commit: textOf(data, "applied_sha") ?? "", config_digest: textOf(data, "config_digest") })
      : state.proved,
  };
}

function deadlinesAfter(applied: Applied, record: LogRecord): Deadlines {
  const { type, data, received } = record;
  const { roster, bootstrap, run } = applied.state.deadlines;
  const seconds = (name: string): number => numberOf(data, name) ?? 0;
  const ended = applied.entered !== undefined && ENDS_ROSTER_DEADLINE.includes(applied.entered);
  const begun = type === "bootstrap.started" && !applied.ignored;
  const started = type === "run.started" && !applied.ignored;
  const over = run !== undefined && endsRun(type) && run.run_id === data["run_id"];
  return compact<Deadlines>({
    roster: ended ? undefined : roster,
    bootstrap: begun
      ? { start: received, seconds: seconds("deadline_s") }
      : ENDS_BOOTSTRAP.includes(type)
        ? undefined
        : bootstrap,
    run: started
      ? { start: received, seconds: seconds("timeout_s"), run_id: textOf(data, "run_id") ?? "" }
      : over
        ? undefined
        : run,
  });
}

function ofReceiver(state: VmState, record: LogRecord): VmState {
  if (record.type === "vm.impostor") return flag(applyCell(state, record).state, record);
  if (record.type === "vm.expected") return expected(state, record);
  const applied = applyCell(state, record);
  if (record.type === "vm.acknowledged") return { ...applied.state, acknowledged: record.received };
  if (record.type === "vm.released") return restarted(releaseMachines(applied.state), applied, record);
  return record.type === "vm.retired" ? { ...applied.state, retired: true } : applied.state;
}

function expected(state: VmState, record: LogRecord): VmState {
  const { data } = record;
  const announced: Announcement = {
    roster_id: textOf(data, "roster_id") ?? "",
    instance_id: textOf(data, "instance_id") ?? "",
    deadline_s: numberOf(data, "deadline_s") ?? lifecycle.silence.heartbeat_s_default,
    ref: textOf(data, "ref") ?? "",
  };
  const another = state.announced !== undefined && state.announced.instance_id !== announced.instance_id;
  const applied = applyCell(state, record);
  const released = another ? releaseMachines(applied.state) : applied.state;
  return compact<VmState>({ ...restarted(released, applied, record), announced, retired: undefined });
}

/** The roster's deadline begins anew where the cell leads to Expected; what ran before is over. */
function restarted(state: VmState, applied: Applied, record: LogRecord): VmState {
  return applied.entered === "Expected" ? { ...state, deadlines: { roster: record.received } } : state;
}
