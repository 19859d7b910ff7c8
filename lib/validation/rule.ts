import type { Finding } from "../errors";

/** A pure function from props to what is wrong with them. One rule a file; the engine runs them all. */
export type Rule<P> = (props: P) => Iterable<Finding>;

/** Runs every rule; a rule sees values only, tokens that are not resolved yet are its own to skip. */
export function check<P>(props: P, rules: readonly Rule<P>[]): Finding[] {
  return rules.flatMap((rule) => [...rule(props)]);
}
