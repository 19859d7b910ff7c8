import { show, type Finding } from "../../errors";
import type { Rule } from "../rule";
import type { CheckedProps } from "../checked-props";
import type { VaultAppRoleOptions } from "../../ansible-pull/vault";
import { known, matches } from "../values";

/** The VM can ask Vault or OpenBao, and there is something to ask for. */
export const vaultRule: Rule<CheckedProps> = ({ vault, source, vaultPassword }) => {
  if (vault === undefined) return [];
  const { options } = vault;
  const fields = secretFields(options);
  return [
    ...matches("vault.address", options.address, /^https:\/\/[^\s/@?#]+(?:\/[^\s@#]*)?$/, "vault_invalid"),
    ...matches("vault.roleId", options.roleId ?? "", /^\S{1,256}$/, "vault_invalid"),
    ...matches("vault.mount", options.mount, /^[A-Za-z0-9_-][A-Za-z0-9_/-]{0,127}$/, "vault_invalid"),
    ...matches("vault.namespace", options.namespace, /^\S{1,256}$/, "vault_invalid"),
    ...(fields.length === 0 ? [{ code: "vault_invalid" as const, prop: "vault", got: "no secret to read" }] : []),
    ...fields.flatMap(([prop, { path, field }]) => [
      ...matches(`${prop}.path`, path, /^(?!\/)(?!.*\.\.)[^\s?#]{1,512}$/, "vault_invalid"),
      ...matches(`${prop}.field`, field, /^.{1,128}$/, "vault_invalid"),
    ]),
    ...twice("source.token", source?.source.token, options.gitToken),
    ...twice("source.deployKey", source?.source.deployKey, options.deployKey),
    ...twice("vaultPassword", vaultPassword, options.vaultPassword),
  ];
};

function secretFields({ gitToken, deployKey, vaultPassword, extraVars }: VaultAppRoleOptions) {
  return Object.entries({ gitToken, deployKey, vaultPassword, extraVars }).flatMap(([name, field]) =>
    known(field) ? [[`vault.${name}`, field] as const] : [],
  );
}

function twice(prop: string, here: string | undefined, there: unknown): Finding[] {
  if (here === undefined || there === undefined) return [];
  return [{ code: "vault_invalid", prop, got: show("given here and read from vault"), expected: "one of the two" }];
}
