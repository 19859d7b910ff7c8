import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { NexusPullError } from "../errors";

/**
 * The stack around a construct, provided that it comes from the same copy of the engine as this library.
 * A tree that mixes two copies (cdktf and cdktn, or two versions) fails later with errors that name neither.
 */
export function stackOf(scope: IConstruct, path: string): TerraformStack {
  const stack = scope.node.scopes.find((ancestor) => TerraformStack.isStack(ancestor));
  if (stack instanceof TerraformStack) return stack;
  const got =
    stack === undefined ? "a scope outside any stack of this engine" : "a stack of another copy of the engine";
  throw new NexusPullError([{ code: "engine_mismatch", path, prop: "scope", got }]);
}
