// What a VM is to get, worked out from its props alone: the oracle that the construct and OpenTofu are compared with.
// It shares no code with lib/seed on purpose.
import { createHash } from "node:crypto";
import type { NexusVmPullProps } from "../../lib";

/** A receiver as its values are at plan time. */
export interface IntendedReceiver {
  readonly url: string;
  readonly secret: string;
  readonly caCertificate?: string;
}

/** Props without tokens: secrets as their values. */
export interface IntendedVm {
  readonly props: NexusVmPullProps;
  readonly fleet: string;
  readonly receiver?: IntendedReceiver;
  readonly agent: { readonly version: string; readonly sha256: string };
}

type Data = Record<string, unknown>;

/** As JSON carries it: members that are undefined are not there, and no negative zero. */
export function asData<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** The cloud-config without the first bootcmd, which is ours. */
export function intendedCloudConfig({ props }: IntendedVm): Data & { bootcmd: unknown[] } {
  const { bootcmd = [], ...own } = props.cloudConfig ?? {};
  const users = (props.users ?? []).map((user) => ({
    name: user.name,
    shell: user.shell ?? "/bin/bash",
    groups: user.groups?.length ? user.groups : undefined,
    sudo: user.sudo,
    lock_passwd: true,
    ssh_authorized_keys: user.sshAuthorizedKeys?.length ? user.sshAuthorizedKeys : undefined,
  }));
  return asData({
    hostname: props.name,
    fqdn: props.dns?.domain === undefined ? undefined : `${props.name}.${props.dns.domain}`,
    manage_etc_hosts: true,
    ssh_authorized_keys: props.sshAuthorizedKeys?.length ? props.sshAuthorizedKeys : undefined,
    users: users.length > 0 ? ["default", ...users] : undefined,
    ...own,
    bootcmd: [...bootcmd],
  });
}

/** The seed's configuration without its generation; `instanceId` as the generation is computed over it. */
export function intendedConfig({ props, fleet, receiver, agent }: IntendedVm): Data {
  return asData({
    version: 1,
    identity: { fleet, vm: props.name, instance_id: `${fleet}-${props.name}` },
    source: intendedSource(props),
    run: {
      playbooks: props.playbooks ?? ["nexus.yml"],
      inventory: props.inventory,
      extra_vars: props.extraVars ?? {},
      mode: props.mode ?? "apply",
      timeout_s: seconds(props.runTimeout ?? "1h"),
      tags: props.ansibleTags ?? [],
      skip_tags: props.ansibleSkipTags ?? [],
      verbosity: 0,
      requirements: props.source.source.requirements,
    },
    schedule: intendedSchedule(props),
    bootstrap: { deadline_s: seconds(props.bootstrapTimeout ?? "30m"), ansible_core: { ...props.ansibleCore } },
    receiver:
      receiver === undefined || receiver.url === ""
        ? null
        : { url: receiver.url, heartbeat_s: 900, ca_certificate: receiver.caCertificate },
    vault: intendedVault(props),
    agent,
  });
}

function intendedSource({ source: { source }, vault }: NexusVmPullProps): Data {
  const token = { kind: "token", username: source.username ?? "x-access-token" };
  const withToken = { ...token, kind: source.token ? "token" : "none" };
  const https = vault?.options.gitToken ? token : source.token === undefined ? { kind: "none" } : withToken;
  const hasKey = source.deployKey !== undefined || vault?.options.deployKey !== undefined;
  return {
    url: source.url,
    ref: source.ref ?? (source.commit === undefined ? "main" : undefined),
    commit: source.commit ?? null,
    credential: source.kind === "ssh" ? { kind: hasKey ? "deploy_key" : "none" } : https,
    known_hosts: source.knownHosts,
    ca_certificate: source.caCertificate,
    verify: source.signature?.verify ?? { policy: "none", object: "commit" },
  };
}

function intendedSchedule({ schedule }: NexusVmPullProps): Data {
  if (schedule === undefined) return { interval_s: 1800, jitter_s: 300 };
  const interval = seconds(schedule.interval);
  return {
    interval_s: interval,
    jitter_s: schedule.jitter === undefined ? Math.floor(interval / 6) : seconds(schedule.jitter),
  };
}

function intendedVault({ vault }: NexusVmPullProps): unknown {
  if (vault === undefined) return null;
  const { options } = vault;
  return {
    address: options.address,
    auth: { method: "approle", mount: options.mount ?? "approle", role_id: options.roleId },
    namespace: options.namespace,
    ca_certificate: options.caCertificate,
    secrets: {
      git_token: options.gitToken,
      deploy_key: options.deployKey,
      vault_password: options.vaultPassword,
      extra_vars: options.extraVars,
    },
  };
}

/** The secrets as they were given, empty ones included: the generation is over them. */
export function givenSecrets({ props, fleet, receiver }: IntendedVm): Data {
  return asData({
    receiver_key: receiver && (receiver.url === "" ? "" : vmKey(receiver.secret, `${fleet}/${props.name}`)),
    git_token: props.source.source.token,
    deploy_key: props.source.source.deployKey,
    vault_password: props.vaultPassword,
    wrapped_secret_id: props.vault?.options.wrappedSecretId,
  });
}

function vmKey(secret: string, message: string): string {
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  return hash(secret + hash(secret + message));
}

function seconds(duration: string): number {
  const unit = { s: 1, m: 60, h: 3600, d: 86_400 }[duration.slice(-1)] ?? NaN;
  return Number(duration.slice(0, -1)) * unit;
}
