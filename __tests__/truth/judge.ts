// What the agent said in one case, folded by the receiver's own code, beside what contract/truth.json says must come out.
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { type Event, lifecycle, schemas } from "@nexus-pull/contract";
import truth from "@nexus-pull/contract/truth.json";
import { type LogRecord, objectOf, recordOf, textOf } from "../../receiver/src/domain/log";
import { project } from "../../receiver/src/domain/project";
import type { VmState } from "../../receiver/src/domain/state";

export interface Expected {
  readonly id: string;
  readonly phase: string;
  readonly outcome: string;
  readonly reason: string;
  readonly reasons?: readonly string[];
  readonly last_event: string;
  readonly exit_code?: number | null;
  readonly fails: readonly string[];
  readonly events?: readonly string[];
  readonly evidence?: Readonly<Record<string, number>>;
  readonly then?: string;
}

export const CASES: readonly Expected[] = truth.cases as unknown as readonly Expected[];

/** One line of agent/truth/run_cases.py. */
export interface Result {
  readonly case: string;
  readonly events: readonly Event[];
  /** The event that the case is about, where it is not the last one. */
  readonly last: string | null;
  /** What the case itself saw that must not be. */
  readonly problem: string | null;
  readonly skipped: string | null;
  readonly log: string;
  readonly seconds: number;
}

export interface Seen {
  readonly phase: string;
  readonly outcome: string;
  readonly reason: string;
  readonly lastEvent: string;
  /** What is wrong; empty: the case holds. */
  readonly wrong: readonly string[];
}

const ENDS = ["run.succeeded", "run.failed", "run.interrupted", "run.skipped", "drift.detected"];
const GAP_MS = 10 * lifecycle.order.gap_wait_s * 1000;
const ajv = new Ajv2020({ strict: true, strictRequired: false });
addFormats(ajv);
for (const schema of Object.values(schemas)) ajv.addSchema(schema);
const isAgentEvent = ajv.compile({ $ref: "event.schema.json#/$defs/agentEvent" });

const fold = (log: readonly LogRecord[]): VmState => project(log, GAP_MS);

function differs(name: string, wanted: unknown, seen: unknown): string[] {
  return JSON.stringify(wanted) === JSON.stringify(seen) ? [] : [`${name}: ${JSON.stringify(seen)}`];
}

/** Every run that was queued has one last word: no silence. */
function openRuns(log: readonly LogRecord[]): string[] {
  const ids = (types: readonly string[]): string[] =>
    log.filter(({ type }) => types.includes(type)).map(({ data }) => textOf(data["run_id"]) ?? "");
  const ended = ids(ENDS);
  const bad = ids(["run.queued"]).filter((id) => ended.filter((one) => one === id).length !== 1);
  return bad.map((id) => `run ${id} has not one last word`);
}

function details(expected: Expected, about: LogRecord, log: readonly LogRecord[]): string[] {
  const { data } = about;
  const evidence = objectOf(data["evidence"]) ?? {};
  const sameRun = log.filter((record) => record.data["run_id"] === data["run_id"]).map(({ type }) => type);
  return [
    ...(expected.exit_code === undefined ? [] : differs("exit code", expected.exit_code, data["exit_code"] ?? null)),
    ...(about.type === "run.failed" ? differs("fails", expected.fails, data["failed_conditions"] ?? []) : []),
    ...(expected.events ?? []).filter((type) => !sameRun.includes(type)).map((type) => `no ${type}`),
    ...Object.entries(expected.evidence ?? {}).flatMap(([name, count]) => differs(name, count, evidence[name])),
  ];
}

/** The reason as truth.json means it: of a success, that of the condition Converged. */
function reasonOf(about: LogRecord, state: VmState): string {
  return about.type === "run.succeeded" ? state.conditions.Converged.reason : (textOf(about.data["reason"]) ?? "-");
}

function outcomeOf(about: LogRecord, state: VmState): string {
  const run = state.runs.find(({ run_id }) => run_id === about.data["run_id"]);
  // There was no run yet.
  if (about.type === "bootstrap.failed") return "failed";
  // An audit that found drift changed nothing.
  return about.type === "drift.detected" ? "unchanged" : (run?.outcome ?? "-");
}

export function judge(expected: Expected, result: Result): Seen {
  const log = result.events.map((event, index) => recordOf(event, JSON.stringify(event), index + 1, 0));
  const invalid = result.events.filter((event) => !isAgentEvent(event)).map(({ type }) => `${type} breaks the schema`);
  const place = result.last === null ? log.length - 1 : log.findIndex(({ id }) => id === result.last);
  const about = log[place];
  const wrong = [...invalid, ...(result.problem === null ? [] : [result.problem])];
  if (about === undefined)
    return { phase: "-", outcome: "-", reason: "-", lastEvent: "-", wrong: ["silence", ...wrong] };
  const then = fold(log);
  // A case with a "then" is about the moment before it.
  const state = expected.then === undefined ? then : fold(log.slice(0, place + 1));
  const reason = reasonOf(about, state);
  const seen = { phase: state.phase, outcome: outcomeOf(about, then), reason, lastEvent: about.type };
  const right = expected.reasons ?? [expected.reason];
  const more = [
    ...differs("phase", expected.phase, seen.phase),
    ...differs("outcome", expected.outcome, seen.outcome),
    ...differs("last event", expected.last_event, seen.lastEvent),
    ...(right.includes(reason) ? [] : [`reason: ${reason}`]),
    ...(expected.then === undefined ? [] : differs("phase after the next run", "Configured", then.phase)),
    ...details(expected, about, log),
    ...openRuns(log),
    ...(JSON.stringify(result.events).includes("CANARY") ? ["a secret is in an event"] : []),
  ];
  return { ...seen, wrong: [...wrong, ...more] };
}
