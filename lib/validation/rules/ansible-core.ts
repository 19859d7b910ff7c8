import { show } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import { known, matches } from "../values";

// As contract/agent-config.schema.json has them.
const MINIMUM = /^[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?$/;
const EXACT = /^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:(?:a|b|rc)[0-9]{1,3})?$/;

/** Versions can be read, and what pip would install is not refused afterwards for being too old. */
export const ansibleCoreRule: Rule<CheckedProps> = ({ ansibleCore }) => {
  const { minimum, pip } = ansibleCore ?? {};
  const forms = [
    ...matches("ansibleCore.minimum", minimum, MINIMUM, "ansible_core_invalid"),
    ...matches("ansibleCore.pip", pip, EXACT, "ansible_core_invalid"),
  ];
  if (forms.length > 0 || !known(minimum) || !known(pip) || !isOlder(pip, minimum)) return forms;
  return [{ code: "ansible_core_invalid", prop: "ansibleCore.pip", got: `${show(pip)} with minimum ${show(minimum)}` }];
};

const numbers = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);

/** By the numbers, as the agent compares: a release candidate is not older than its release. */
function isOlder(version: string, than: string): boolean {
  const [mine, other] = [numbers(version), numbers(than)];
  const place = other.findIndex((number, index) => number !== mine[index]);
  return place >= 0 && (mine[place] ?? 0) < (other[place] ?? 0);
}
