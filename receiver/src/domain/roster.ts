// What a roster changes, as drafts. Pure.
import type { RosterEntry } from "@nexus-pull/contract";
import type { Draft } from "./clock";
import type { VmState } from "./state";

export interface RosterChange {
  readonly vm: string;
  readonly draft: Draft;
}

function isNews(entry: RosterEntry, state: VmState | undefined): boolean {
  const last = state?.announced;
  if (last === undefined || state?.retired === true) return true;
  return last.instance_id !== entry.instance_id || last.deadline_s !== entry.deadline_s || last.ref !== entry.ref;
}

/** `fleet`: what is known of every VM of the roster's fleet. */
export function rosterChanges(id: string, roster: readonly RosterEntry[], fleet: readonly VmState[]): RosterChange[] {
  const known = new Map(fleet.map((state) => [state.vm, state]));
  const expected = roster
    .filter((entry) => isNews(entry, known.get(entry.name)))
    .map(({ name, instance_id, deadline_s, ref }) => ({
      vm: name,
      draft: { type: "vm.expected", data: { roster_id: id, instance_id, deadline_s, ref } },
    }));
  const named = new Set(roster.map(({ name }) => name));
  const retired = fleet
    .filter(({ vm, announced, retired }) => announced !== undefined && retired !== true && !named.has(vm))
    .map(({ vm }) => ({ vm, draft: { type: "vm.retired", data: { roster_id: id } } }));
  return [...expected, ...retired];
}

/** `tofu destroy` sends `[]` for the roster that it destroys; the id of that roster, or undefined for any other request. */
export function endOf(id: string, roster: readonly RosterEntry[]): string | undefined {
  return roster.length === 0 && id.endsWith("-end") ? id.slice(0, -"-end".length) : undefined;
}
