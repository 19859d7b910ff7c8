import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { known } from "../values";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Ansible takes only identifiers as variable names, and drops others without a word. */
export const extraVarsRule: Rule<CheckedProps> = ({ extraVars }) => {
  if (!known(extraVars)) return [];
  return Object.keys(extraVars)
    .filter((name) => !IDENTIFIER.test(name))
    .map((name) => ({ code: "extra_vars_reserved" as const, prop: "extraVars", got: show(name) }));
};
