import { judge } from "./guards";
import { type LogRecord, numberOf, objectOf, textOf } from "./log";
import { compact, type Run, type VmState } from "./state";

const KEPT = 10;
const ENDS = ["run.succeeded", "run.failed", "run.interrupted", "run.skipped", "drift.detected"];

export function endsRun(type: string): boolean {
  return ENDS.includes(type);
}

/** Whether the four conditions hold for a run that says it succeeded. */
export function isProved(record: LogRecord): boolean {
  return record.type === "run.succeeded" && judge("success", { data: record.data, vm: {} }).holds;
}

function succeeded(state: VmState, record: LogRecord): string {
  const { data } = record;
  if (!isProved(record)) return "failed";
  if (numberOf(objectOf(data, "evidence") ?? {}, "changed") === 0) return "unchanged";
  const { proved } = state;
  if (proved !== undefined) {
    const same = proved.commit === data["applied_sha"] && proved.config_digest === data["config_digest"];
    return same ? "changed-corrective" : "changed-intentional";
  }
  // The last success may have been dropped on its way; then the agent knows more than the log.
  return textOf(data, "outcome") === "changed-corrective" ? "changed-corrective" : "changed-intentional";
}

/** An audit that found drift has none: nothing was to be changed. */
export function outcomeOf(state: VmState, record: LogRecord): string | undefined {
  if (record.type === "run.succeeded") return succeeded(state, record);
  if (record.type === "run.skipped") return "skipped";
  return record.type === "run.failed" || record.type === "run.interrupted" ? textOf(record.data, "outcome") : undefined;
}

function said(record: LogRecord): Partial<Run> {
  const { data } = record;
  const text = (name: string): string | undefined => textOf(data, name);
  return {
    mode: text("mode"),
    trigger: text("trigger"),
    intended_sha: text("intended_sha"),
    config_digest: text("config_digest"),
    duration_s: numberOf(data, "duration_s"),
    changed: numberOf(objectOf(data, "evidence") ?? {}, "changed"),
    diff_summary: objectOf(data, "diff_summary"),
    reason: text("reason"),
    message: text("message"),
    ...(record.type === "run.started" ? { started: record.received } : {}),
  };
}

/** The runs with what this event adds to its own. */
export function trackRun(state: VmState, record: LogRecord): readonly Run[] {
  const run_id = textOf(record.data, "run_id");
  if (run_id === undefined || !/^(?:run|drift)\./.test(record.type)) return state.runs;
  const known = state.runs.find((run) => run.run_id === run_id);
  const ended = endsRun(record.type)
    ? {
        ended: record.received,
        outcome: outcomeOf(state, record),
        applied_sha: isProved(record) ? textOf(record.data, "applied_sha") : undefined,
      }
    : {};
  const run = compact<Run>({ run_id, ...known, ...compact({ ...said(record), ...ended }) });
  if (known !== undefined) return state.runs.map((one) => (one === known ? run : one));
  return [run, ...state.runs].slice(0, KEPT);
}
