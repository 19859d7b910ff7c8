import { judge } from "./guards";
import { type LogRecord, numberOf, objectOf, textOf } from "./log";
import type { Next, Run, VmState, Whole } from "./state";

const KEPT = 10;
const ENDS = ["run.succeeded", "run.failed", "run.interrupted", "run.skipped", "drift.detected"];

export function endsRun(type: string): boolean {
  return ENDS.includes(type);
}

/** Whether the four conditions hold for a run that says it succeeded. */
export function isProved(record: LogRecord): boolean {
  return record.type === "run.succeeded" && judge("success", { data: record.data, vm: {} }).holds;
}

function succeeded({ proved }: VmState, { data }: LogRecord): string {
  if (numberOf(objectOf(data["evidence"])?.["changed"]) === 0) return "unchanged";
  if (proved !== undefined) {
    const same = proved.commit === data["applied_sha"] && proved.config_digest === data["config_digest"];
    return same ? "changed-corrective" : "changed-intentional";
  }
  // The last success may have been dropped on its way; then the agent knows more than the log.
  return textOf(data["outcome"]) === "changed-corrective" ? "changed-corrective" : "changed-intentional";
}

/** An audit that found drift has none: nothing was to be changed. */
function outcomeOf(state: VmState, record: LogRecord, proved: boolean): string | undefined {
  if (record.type === "run.succeeded") return proved ? succeeded(state, record) : "failed";
  if (record.type === "run.skipped") return "skipped";
  return record.type === "run.failed" || record.type === "run.interrupted" ? textOf(record.data["outcome"]) : undefined;
}

/** Nothing is known of a run before its first event. */
const UNKNOWN: Partial<Run> = {};

/** A run with what this event adds to it. */
function toldOf(run_id: string, known: Partial<Run>, { type, data, received }: LogRecord): Whole<Run> {
  return {
    run_id,
    mode: textOf(data["mode"]) ?? known.mode,
    trigger: textOf(data["trigger"]) ?? known.trigger,
    intended_sha: textOf(data["intended_sha"]) ?? known.intended_sha,
    applied_sha: known.applied_sha,
    config_digest: textOf(data["config_digest"]) ?? known.config_digest,
    started: type === "run.started" ? received : known.started,
    ended: known.ended,
    duration_s: numberOf(data["duration_s"]) ?? known.duration_s,
    outcome: known.outcome,
    reason: textOf(data["reason"]) ?? known.reason,
    message: textOf(data["message"]) ?? known.message,
    changed: numberOf(objectOf(data["evidence"])?.["changed"]) ?? known.changed,
    diff_summary: objectOf(data["diff_summary"]) ?? known.diff_summary,
  };
}

/** Adds what this event says of its run. */
export function trackRun(next: Next, record: LogRecord, proved: boolean): void {
  const { type, data, received } = record;
  const run_id = textOf(data["run_id"]);
  if (run_id === undefined || !(type.startsWith("run.") || type.startsWith("drift."))) return;
  const { runs } = next;
  const at = runs.findIndex((run) => run.run_id === run_id);
  const run = toldOf(run_id, runs[at] ?? UNKNOWN, record);
  if (endsRun(type)) {
    run.ended = received;
    run.outcome = outcomeOf(next, record, proved) ?? run.outcome;
    if (proved) run.applied_sha = textOf(data["applied_sha"]) ?? run.applied_sha;
  }
  next.runs = at < 0 ? [run, ...runs.slice(0, KEPT - 1)] : runs.map((one, index) => (index === at ? run : one));
}
