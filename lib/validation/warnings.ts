import { show, type Finding } from "../errors";
import type { NexusVmPullProps } from "../props";

/** What works but deserves a word at synthesis. */
export function findWarnings(props: NexusVmPullProps): Finding[] {
  return [...dnsWarning(props), ...seedSecretWarnings(props), ...cloneRetriesWarning(props)];
}

function cloneRetriesWarning({ cloneRetries }: NexusVmPullProps): Finding[] {
  return cloneRetries === undefined || cloneRetries === 1
    ? []
    : [{ code: "clone_retries_ignored", prop: "cloneRetries", got: show(cloneRetries) }];
}

function dnsWarning({ network, dns }: NexusVmPullProps): Finding[] {
  const fixed = (network ?? []).some((nic) => nic.address !== undefined && nic.address !== "dhcp");
  return fixed && dns === undefined
    ? [{ code: "dns_not_explicit", prop: "dns", got: "nothing with a static address" }]
    : [];
}

function seedSecretWarnings({ source, vaultPassword }: NexusVmPullProps): Finding[] {
  const secrets = { "source.token": source?.source.token, "source.deployKey": source?.source.deployKey, vaultPassword };
  return Object.entries(secrets)
    .filter(([, secret]) => secret !== undefined)
    .map(([prop]) => ({
      code: "secret_in_seed" as const,
      prop,
      got: "a secret that travels in the seed, unless it is empty",
    }));
}
