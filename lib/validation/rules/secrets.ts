import { Token } from "cdktf";
import type { Rule } from "../rule";
import type { NexusVmPullProps } from "../../props";
import type { CheckedProps } from "../checked-props";

/** Props whose value is a secret. */
export const SECRET_PROPS: readonly (readonly [
  prop: string,
  value: (props: NexusVmPullProps) => string | undefined,
])[] = [
  ["source.token", ({ source }) => source?.source.token],
  ["source.deployKey", ({ source }) => source?.source.deployKey],
  ["vaultPassword", ({ vaultPassword }) => vaultPassword],
  ["vault.wrappedSecretId", ({ vault }) => vault?.options.wrappedSecretId],
];

/** A secret is never a literal: that would write it into the synthesized JSON. */
export const secretsRule: Rule<CheckedProps> = (props) =>
  SECRET_PROPS.filter(([, value]) => {
    const secret = value(props);
    return secret !== undefined && !Token.isUnresolved(secret);
  })
    // The value itself must not appear in the message.
    .map(([prop]) => ({ code: "secret_literal" as const, prop, got: "a literal" }));
