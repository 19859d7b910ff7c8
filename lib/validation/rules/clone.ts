import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { known } from "../values";

/** A linked clone lives on its template's storage, so it cannot be made on another node. */
export const cloneRule: Rule<CheckedProps> = ({ fullClone, templateNodeName, nodeName }) => {
  if (fullClone !== false || !known(templateNodeName) || !known(nodeName) || templateNodeName === nodeName) return [];
  return [
    {
      code: "linked_clone_cross_node",
      prop: "fullClone",
      got: `false with the template on ${show(templateNodeName)} and the VM on ${show(nodeName)}`,
    },
  ];
};
