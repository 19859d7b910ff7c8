import type { Finding } from "../errors";
import type { CheckedProps } from "./checked-props";
import { check } from "./rule";
import { accessRule } from "./rules/access";
import { ansibleCoreRule } from "./rules/ansible-core";
import { certificatesRule } from "./rules/certificates";
import { choicesRule } from "./rules/choices";
import { cloneRule } from "./rules/clone";
import { cloudConfigRule } from "./rules/cloud-config";
import { disksRule } from "./rules/disks";
import { extraVarsRule } from "./rules/extra-vars";
import { originRule } from "./rules/origin";
import { imageRule } from "./rules/image";
import { gitRule } from "./rules/git";
import { nameRule } from "./rules/name";
import { networkRule } from "./rules/network";
import { overruleRule } from "./rules/overrule";
import { receiverRule } from "./rules/receiver";
import { scheduleRule } from "./rules/schedule";
import { secretsRule } from "./rules/secrets";
import { seedRule } from "./rules/seed";
import { sizesRule } from "./rules/sizes";
import { textRule } from "./rules/text";
import { vaultRule } from "./rules/vault";

export { findConflicts, findShared } from "./conflicts";
export { overrule } from "./overrule";
export { findWarnings } from "./warnings";

const RULES = [
  nameRule,
  sizesRule,
  choicesRule,
  originRule,
  cloneRule,
  imageRule,
  disksRule,
  networkRule,
  accessRule,
  gitRule,
  ansibleCoreRule,
  scheduleRule,
  extraVarsRule,
  secretsRule,
  vaultRule,
  certificatesRule,
  cloudConfigRule,
  seedRule,
  receiverRule,
  overruleRule,
  textRule,
];

/** Everything that is wrong with a VM's props. */
export function findProblems(props: CheckedProps): Finding[] {
  return check(props, RULES);
}
