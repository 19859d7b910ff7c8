import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { OVERRULABLE } from "../overrulable";
import { items } from "../values";

/** Only what may be overruled is. */
export const overruleRule: Rule<CheckedProps> = ({ overrule }) =>
  items("overrule", overrule)
    .filter(([, code]) => !OVERRULABLE.includes(code))
    .map(([prop, code]) => ({
      code: "overrule_invalid" as const,
      prop,
      got: show(code),
      expected: OVERRULABLE.join(", "),
    }));
