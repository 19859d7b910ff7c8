import { CATALOGUE, type ErrorCode } from "./error-catalogue";

export { CATALOGUE, type ErrorCode } from "./error-catalogue";

/** What a rule found: one thing that is wrong with one prop. */
export interface Finding {
  /** Code in the catalogue (docs/reference/errors.md). */
  readonly code: ErrorCode;
  /** The prop, as a path from the props object, for example `network[0].address`. */
  readonly prop: string;
  /** What was given; shown in the message, so never a secret. */
  readonly got: string;
  /**
   * What would be right.
   * @default - the catalogue's text
   */
  readonly expected?: string;
  /**
   * What to change.
   * @default - the catalogue's text
   */
  readonly remedy?: string;
}

/** A finding and the place in the construct tree where it belongs. */
export interface Problem extends Finding {
  /** Path of the construct, for example `dev/nexus`. */
  readonly path: string;
}

/**
 * Thrown for input that cannot be used. Carries every problem that was found, not only the first.
 */
export class NexusPullError extends Error {
  public constructor(
    /** Everything that was found, in the order of the tree. */
    public readonly problems: readonly Problem[],
  ) {
    super(problems.map(describeProblem).join("\n"));
    this.name = "NexusPullError";
  }
}

/** One line: code, prop, what was got, what was expected, the remedy. */
export function describeFinding(finding: Finding): string {
  const entry = CATALOGUE[finding.code];
  const expected = finding.expected ?? entry.expected;
  const remedy = finding.remedy ?? entry.remedy;
  return `${finding.code}: ${finding.prop}: got ${finding.got}, expected ${expected}; ${remedy}`;
}

/** One line: the construct's path in brackets, then what `describeFinding` says of the problem. */
export function describeProblem(problem: Problem): string {
  return `[${problem.path}] ${describeFinding(problem)}`;
}

const SHOWN = 80;

/** A value as it is shown in a message: JSON, cut to a readable length. */
export function show(value: unknown): string {
  const text = value === undefined || Number.isNaN(value) ? "nothing" : (JSON.stringify(value) ?? typeof value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}... (${text.length} characters)` : text;
}
