import type { CheckedProps } from "../checked-props";
import type { Rule } from "../rule";

/** What counts for a clone alone. */
const OF_CLONES = ["templateNodeName", "fullClone"] as const;

/** A VM is a clone or made from an image, and what belongs to the other is not ignored silently. */
export const originRule: Rule<CheckedProps> = (props) => {
  const { templateVmId, image } = props;
  if (image === undefined)
    return templateVmId === undefined ? [{ code: "origin_invalid", prop: "templateVmId", got: "neither" }] : [];
  const both = [...(templateVmId === undefined ? [] : ["templateVmId" as const]), ...OF_CLONES].filter(
    (prop) => props[prop] !== undefined,
  );
  return both.map((prop) => ({ code: "origin_invalid" as const, prop, got: `${prop} beside image` }));
};
