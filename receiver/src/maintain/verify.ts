// Whether a store is what it should be: whole by its own means, its log in order, its projection what the log says.
import { isDeepStrictEqual } from "node:util";
import { lifecycle } from "@nexus-pull/contract";
import { refold } from "../domain/project";
import type { VmState } from "../domain/state";
import { readStates } from "../engine/projection";
import type { Store } from "../store/port";

export interface Verdict {
  readonly events: number;
  readonly vms: number;
  readonly problems: readonly string[];
}

const PAGE = 1000;
const SHOWN = 20;
const GAP_MS = lifecycle.order.gap_wait_s * 1000;

/** A time at which the log comes to this state, if it does: what is held was waited for no longer than it is. */
function timeOf({ held }: VmState): number {
  return held.reduce((least, { received }) => Math.min(least, received), Infinity) + GAP_MS - 1;
}

/** As the store has it: a member that is undefined is none. */
const asStored = (state: VmState): unknown => JSON.parse(JSON.stringify(state));

async function projectionProblem(store: Store, state: VmState): Promise<string | undefined> {
  const { fleet, vm } = state;
  const base = await store.base(fleet, vm);
  const records = await store.events({ after: base?.through ?? 0, limit: Number.MAX_SAFE_INTEGER, fleet, vm });
  if (records.length === 0 && base === undefined) return `${fleet}/${vm}: a state without a log`;
  const folded = refold(records, timeOf(state), base?.state).state;
  if (isDeepStrictEqual(asStored(folded), asStored(state))) return undefined;
  return `${fleet}/${vm}: the projection says ${state.phase} (${state.reason}), its log ${folded.phase} (${folded.reason})`;
}

async function logProblems(store: Store, known: ReadonlySet<string>) {
  const problems: string[] = [];
  const unknown = new Set<string>();
  let events = 0;
  let after = 0;
  for (let page = await store.events({ after, limit: PAGE }); page.length > 0;) {
    for (const { position, fleet, vm } of page) {
      if (position <= after) problems.push(`position ${position} comes after ${after}`);
      if (!known.has(`${fleet}/${vm}`)) unknown.add(`${fleet}/${vm}`);
      after = position;
    }
    events += page.length;
    page = await store.events({ after, limit: PAGE });
  }
  const last = await store.lastPosition();
  if (events > 0 && after !== last) problems.push(`the newest event is ${after}, the store says ${last}`);
  return { events, problems: [...problems, ...[...unknown].map((vm) => `${vm}: a log without a state`)] };
}

/** `now`: as a receiver would see it that opened the store then. */
export async function verify(store: Store, now: number): Promise<Verdict> {
  const own = await store.check();
  const states = await readStates(store, now);
  const log = await logProblems(store, new Set(states.map(({ fleet, vm }) => `${fleet}/${vm}`)));
  const problems = [...own, ...log.problems];
  for (const state of states) {
    const problem = await projectionProblem(store, state);
    if (problem !== undefined) problems.push(problem);
  }
  return { events: log.events, vms: states.length, problems };
}

/** One line each; more than a screen of them helps nobody. */
export function linesOf({ events, vms, problems }: Verdict): string[] {
  if (problems.length === 0) return [`ok: ${events} events, ${vms} VMs, the projection is what the log says`];
  const more = problems.length > SHOWN ? [`and ${problems.length - SHOWN} more`] : [];
  return [...problems.slice(0, SHOWN), ...more];
}
