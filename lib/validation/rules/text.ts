import { findUnsafeText } from "../text";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";

/** Every text that travels arrives as it was given. */
export const textRule: Rule<CheckedProps> = (props) =>
  Object.entries({
    description: props.description,
    sshAuthorizedKeys: props.sshAuthorizedKeys,
    users: props.users,
    cloudConfig: props.cloudConfig,
    inventory: props.inventory,
    extraVars: props.extraVars,
    playbooks: props.playbooks,
    ansibleTags: props.ansibleTags,
    ansibleSkipTags: props.ansibleSkipTags,
    "source.url": props.source?.source.url,
    "source.ref": props.source?.source.ref,
    "source.knownHosts": props.source?.source.knownHosts,
    "source.signature": props.source?.source.signature?.verify,
    "vault.roleId": props.vault?.options.roleId,
  }).flatMap(([prop, value]) => findUnsafeText(value, prop));
