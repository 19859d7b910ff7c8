// GET /changes: what happened to the fleet lately, newest first: runs that changed or failed something, and phases that
// somebody has to know of. Taken from the states, so that a busy log does not make it slow.
import type { FastifyInstance } from "fastify";
import { attention, type Run, type VmState } from "../domain/state";
import { patterns } from "../intake/schemas";
import type { AppDeps } from "./deps";
import { integerParameter, type Query, textParameter } from "./query";
import { told } from "./views";

const SINCE = { least: 1, most: 7 * 86_400, otherwise: 3600 };
const LIMIT = { least: 1, most: 1000, otherwise: 100 };
/** Outcomes of runs that left everything as it was. */
const QUIET = ["unchanged", "skipped"];

interface Change {
  readonly at: number;
  readonly view: Readonly<Record<string, unknown>>;
}

function ofRun({ fleet, vm }: VmState, run: Run): Change[] {
  const { ended, outcome, ...rest } = run;
  if (ended === undefined || (outcome !== undefined && QUIET.includes(outcome))) return [];
  const { run_id, reason, message, changed, duration_s, diff_summary } = rest;
  const commit = rest.applied_sha ?? rest.intended_sha;
  const view = { fleet, vm, kind: "run", run_id, outcome, reason, message, changed, duration_s, commit, diff_summary };
  return [{ at: ended, view: told(view) }];
}

/** The phase that the VM is in and why, since that is the reason, unless the run that led to it says it. */
function ofPhase({ fleet, vm, phase, reason, message, since, why_since, runs }: VmState): Change[] {
  const at = why_since ?? since;
  const isSaid = runs.some(({ ended, outcome }) => ended === at && !QUIET.includes(outcome ?? ""));
  const isNews = attention.includes(phase) || phase === "Configured" || phase === "Retired";
  if (isSaid || !isNews) return [];
  return [{ at, view: told({ fleet, vm, kind: "phase", phase, reason, message }) }];
}

function changesOf(states: readonly VmState[], since: number): Change[] {
  return states
    .flatMap((state) => [...state.runs.flatMap((run) => ofRun(state, run)), ...ofPhase(state)])
    .filter(({ at }) => at >= since)
    .sort((a, b) => b.at - a.at);
}

export function changesRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.get<{ Querystring: Query }>("/changes", async (request, reply) => {
    const fleet = textParameter(request.query, "fleet", patterns.fleet);
    const since = deps.now() - integerParameter(request.query, "since_s", SINCE) * 1000;
    const limit = integerParameter(request.query, "limit", LIMIT);
    const states = deps.engine.fleets.all().filter((state) => fleet === undefined || state.fleet === fleet);
    const all = changesOf(states, since);
    const changes = all.slice(0, limit).map(({ at, view }) => ({ at: new Date(at).toISOString(), ...view }));
    return reply.header("cache-control", "no-store").send({ total: all.length, changes });
  });
}
