import { AnnotationMetadataEntryType, Annotations, type TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { describeFinding, describeProblem, type Finding, type Problem } from "../errors";
import { Refusal } from "./refusal";

interface Tree {
  readonly problems: Problem[];
  // One validation a stack: every stack must refuse when any construct in the tree has a problem.
  readonly guarded: Set<TerraformStack>;
  readonly refused: Set<TerraformStack>;
}

// Keyed by the tree's root, so that the first stack that is synthesized reports the problems of all of them
// and nothing half-written is left behind.
const trees = new WeakMap<IConstruct, Tree>();

function treeOf(scope: IConstruct): Tree {
  const { root } = scope.node;
  const tree = trees.get(root) ?? { problems: [], guarded: new Set(), refused: new Set() };
  trees.set(root, tree);
  return tree;
}

/** Remembers findings of a construct; synthesis fails with all problems of the whole tree at once. */
export function report(scope: IConstruct, findings: readonly Finding[]): void {
  const tree = treeOf(scope);
  tree.problems.push(...findings.map((finding) => ({ ...finding, path: scope.node.path })));
  refuse(tree);
}

/**
 * What is wrong in a tree, everything that synthesis refuses it for, in the order in which it was found; empty when nothing
 * is. The same as the lines of the engine's error, but as data.
 */
export function problemsOf(scope: IConstruct): readonly Problem[] {
  return treeOf(scope).problems;
}

/**
 * Makes a stack refuse to synthesize while there are problems anywhere in its tree, and OpenTofu refuse to plan it when it is
 * synthesized all the same.
 */
export function guard(stack: TerraformStack): void {
  const tree = treeOf(stack);
  if (tree.guarded.has(stack)) return;
  tree.guarded.add(stack);
  stack.node.addValidation({ validate: () => linesOf(tree) });
  refuse(tree);
}

function refuse(tree: Tree): void {
  if (tree.problems.length === 0) return;
  for (const stack of tree.guarded) {
    if (tree.refused.has(stack)) continue;
    tree.refused.add(stack);
    new Refusal(stack, () => linesOf(tree));
  }
}

function linesOf({ problems }: Tree): string[] {
  return problems.map(describeProblem);
}

/** Shows a finding as a warning: synthesis goes on. */
export function warn(scope: IConstruct, finding: Finding): void {
  Annotations.of(scope).addWarning(describeFinding(finding));
}

/**
 * The warnings of a tree, each said once with the number of constructs that it is about. cdktf's command line shows
 * warnings by itself; a program that is run without it prints these.
 */
export function warningsOf(root: IConstruct): string[] {
  const places = new Map<string, number>();
  for (const { node } of root.node.findAll()) {
    for (const { type, data } of node.metadata) {
      if (type === AnnotationMetadataEntryType.WARN) places.set(String(data), (places.get(String(data)) ?? 0) + 1);
    }
  }
  return [...places].map(([text, count]) => `warning (${count} VM${count === 1 ? "" : "s"}): ${text}`);
}
