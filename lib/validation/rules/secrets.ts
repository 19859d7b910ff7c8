import { Token } from "cdktf";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";

/** A secret is never a literal: that would write it into the synthesized JSON. */
export const secretsRule: Rule<CheckedProps> = ({ source, vaultPassword, vault }) =>
  (
    [
      ["source.token", source?.source.token],
      ["source.deployKey", source?.source.deployKey],
      ["vaultPassword", vaultPassword],
      ["vault.wrappedSecretId", vault?.options.wrappedSecretId],
    ] as const
  )
    .filter(([, secret]) => secret !== undefined && !Token.isUnresolved(secret))
    // The value itself must not appear in the message.
    .map(([prop]) => ({ code: "secret_literal" as const, prop, got: "a literal" }));
