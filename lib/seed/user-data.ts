import type { CloudConfig, CloudUser } from "./cloud-config";

/** What the user-data is made from. */
export interface UserDataInput {
  readonly name: string;
  /** Search domain; makes the fully qualified name. */
  readonly domain?: string;
  readonly sshAuthorizedKeys?: string[];
  readonly users?: CloudUser[];
  /** The shell text that unpacks the seed; the first thing that runs at every boot. */
  readonly seedScript: string;
  readonly cloudConfig?: CloudConfig;
}

/**
 * The cloud-config as data.
 *
 * Ours is one entry of `bootcmd`, in front of the user's own: it runs at every boot with the newest user-data, and nothing that
 * stands after it in the document can take it away (a failing or endless `runcmd` does not, either).
 */
export function userData(input: UserDataInput): Record<string, unknown> {
  const { bootcmd = [], ...own } = input.cloudConfig ?? {};
  return withoutUndefined({
    hostname: input.name,
    fqdn: input.domain === undefined ? undefined : `${input.name}.${input.domain}`,
    manage_etc_hosts: true,
    ssh_authorized_keys: nonEmpty(input.sshAuthorizedKeys),
    users: nonEmpty(input.users?.map(cloudUser)) && ["default", ...(input.users ?? []).map(cloudUser)],
    ...own,
    bootcmd: [input.seedScript, ...bootcmd],
  });
}

/** The meta-data: a pinned identity, so that an edited seed is not a new instance to cloud-init. */
export function metaData(instanceId: string, name: string): Record<string, unknown> {
  // A meta-data file of ours replaces Proxmox's whole, and with it the hostname.
  return { "instance-id": instanceId, "local-hostname": name };
}

function cloudUser(user: CloudUser): Record<string, unknown> {
  return withoutUndefined({
    name: user.name,
    shell: user.shell ?? "/bin/bash",
    groups: nonEmpty(user.groups),
    sudo: user.sudo,
    lock_passwd: true,
    ssh_authorized_keys: nonEmpty(user.sshAuthorizedKeys),
  });
}

function nonEmpty<T>(items: T[] | undefined): T[] | undefined {
  return items === undefined || items.length === 0 ? undefined : items;
}

function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
