import { type Guard, type GuardCondition, lifecycle } from "@nexus-pull/contract";
import type { Data } from "./log";

/** What a guard looks at. */
export interface GuardScope {
  readonly data: Data;
  /** What is known of the VM. */
  readonly vm: Data;
}

export interface Verdict {
  readonly holds: boolean;
  /** Of the first condition that does not hold, where it has one. */
  readonly reason?: string;
}

const EVIDENCE = "data.evidence";

const paths = new Map<string, readonly string[]>();

/** The path's keys: they are looked up for each event, and are those of a few paths. */
function keysOf(path: string): readonly string[] {
  const keys = paths.get(path) ?? path.split(".");
  paths.set(path, keys);
  return keys;
}

function at(scope: GuardScope, path: string): unknown {
  let node: unknown = scope;
  for (const key of keysOf(path))
    if (typeof node === "object" && node !== null && Object.hasOwn(node, key)) node = (node as Data)[key];
    else return undefined;
  return node;
}

function holds(scope: GuardScope, condition: GuardCondition): boolean {
  const value = at(scope, condition.path);
  // A path that is absent does not hold, not even against another that is absent.
  if (value === undefined) return false;
  if (condition.equals !== undefined) return value === condition.equals;
  if (condition.equals_path !== undefined) return value === at(scope, condition.equals_path);
  if (condition.at_least !== undefined) return typeof value === "number" && value >= condition.at_least;
  return condition.one_of?.includes(String(value)) ?? false;
}

function reasonOf(scope: GuardScope, guard: Guard, unmet: GuardCondition): string | undefined {
  const noEvidence = unmet.path.startsWith(`${EVIDENCE}.`) && at(scope, EVIDENCE) === undefined;
  return noEvidence ? guard.absent_reason : unmet.reason;
}

export function judge(name: string, scope: GuardScope): Verdict {
  const guard = lifecycle.guards[name];
  if (guard === undefined) throw new Error(`lifecycle.json names a guard that it does not define: ${name}`);
  const unmet = guard.all.find((condition) => !holds(scope, condition));
  return unmet === undefined ? { holds: true } : { holds: false, reason: reasonOf(scope, guard, unmet) };
}
