import { AnnotationMetadataEntryType, Annotations } from "cdktf";
import type { IConstruct } from "constructs";
import { describeFinding, type Finding, type Problem } from "../errors";

// Keyed by the tree's root, so that the first stack that is synthesized reports the problems of all of them
// and nothing half-written is left behind.
const problemsByRoot = new WeakMap<IConstruct, Problem[]>();

/** Remembers findings of a construct; synthesis fails with all problems of the whole tree at once. */
export function report(scope: IConstruct, findings: readonly Finding[]): void {
  const root = scope.node.root;
  let problems = problemsByRoot.get(root);
  if (problems === undefined) {
    problems = [];
    problemsByRoot.set(root, problems);
  }
  problems.push(...findings.map((finding) => ({ ...finding, path: scope.node.path })));
}

/** Problems of the whole tree, in the order in which they were found. */
export function problemsOf(scope: IConstruct): readonly Problem[] {
  return problemsByRoot.get(scope.node.root) ?? [];
}

// One validation a stack: every stack must refuse when any construct in the tree has a problem.
const guardedStacks = new WeakSet<IConstruct>();

/** Makes the stack of `scope` refuse to synthesize while there are problems anywhere in its tree. */
export function guard(scope: IConstruct, stack: IConstruct): void {
  if (guardedStacks.has(stack)) return;
  guardedStacks.add(stack);
  stack.node.addValidation({
    validate: () => problemsOf(scope).map((problem) => `[${problem.path}] ${describeFinding(problem)}`),
  });
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
