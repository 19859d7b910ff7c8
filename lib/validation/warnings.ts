import { show, type Finding } from "../errors";
import type { NexusVmPullProps } from "../props";
import { items } from "./values";
import { cloudConfigWarnings } from "./warnings-cloud-config";

/** What works but deserves a word at synthesis. */
export function findWarnings(props: NexusVmPullProps): Finding[] {
  return [
    ...dnsWarning(props),
    ...seedSecretWarnings(props),
    ...cloneRetriesWarning(props),
    ...hardwareWarnings(props),
    ...cloudConfigWarnings(props),
  ];
}

function hardwareWarnings(props: NexusVmPullProps): Finding[] {
  const { diskGiB, bootDisk, fullClone, datastore, network } = props;
  const flagsLost: Finding[] =
    diskGiB === undefined || bootDisk !== undefined || props.image !== undefined
      ? []
      : [{ code: "template_flags_lost", prop: "diskGiB", got: "a declared boot disk without `bootDisk`" }];
  const moved: Finding[] =
    fullClone === false && datastore !== undefined && diskGiB !== undefined
      ? [{ code: "linked_clone_moved", prop: "datastore", got: `${show(datastore)} with fullClone: false and diskGiB` }]
      : [];
  const second = (["gateway", "gateway6"] as const).flatMap((prop): Finding[] => {
    const owners = items("network", network).filter(([, nic]) => nic[prop] !== undefined);
    return owners
      .slice(1)
      .map(([nic]) => ({ code: "gateway_second", prop: `${nic}.${prop}`, got: "one more gateway" }));
  });
  return [...flagsLost, ...moved, ...second];
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
