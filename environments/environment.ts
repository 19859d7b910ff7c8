// The types of environments/*.yaml. schema.json is what files are checked against; a test holds the two equal.
import type { LocalStateProps, MinioStateProps, S3StateProps } from "../lib/backend";
import type { NexusVmPullProps } from "../lib/props";
import type { ReceiverProps } from "../lib/receiver/props";

/** Props of the construct that a file sets under the same name, and with the same meaning. */
export const SAME_AS_PROPS = [
  "templateNodeName",
  "fullClone",
  "datastore",
  "cores",
  "sockets",
  "cpuType",
  "memoryMiB",
  "diskGiB",
  "bootDisk",
  "dataDisks",
  "network",
  "dns",
  "tags",
  "placement",
  "pool",
  "description",
  "startOnBoot",
  "protection",
  "bios",
  "rebootAfterUpdate",
  "sshAuthorizedKeys",
  "cloudConfig",
  "playbooks",
  "inventory",
  "extraVars",
  "ansibleTags",
  "ansibleSkipTags",
  "mode",
  "runTimeout",
  "bootstrapTimeout",
  "ansibleCore",
  "waitForConfigured",
] as const satisfies readonly (keyof NexusVmPullProps)[];

/** What VMs of an environment can have in common. */
export interface VmSettings extends Pick<NexusVmPullProps, (typeof SAME_AS_PROPS)[number]> {
  /**
   * Proxmox node that runs the VM.
   * @default - the variable proxmox_node
   */
  readonly nodeName?: string;
  /**
   * VM id of the template to clone.
   * @default - the variable template_vm_id
   */
  readonly templateVmId?: number;
  /**
   * Branch or tag of the Ansible repository (option `ref` of Git).
   * @default - Git's own default
   */
  readonly ref?: string;
  /**
   * Full id of the commit to pin (option `commit` of Git).
   * @default - the tip of `ref`
   */
  readonly commit?: string;
  /**
   * When the VM pulls after its first boot: the arguments of Schedule.every.
   * @default - the construct's schedule
   */
  readonly schedule?: { readonly interval: string; readonly jitter?: string };
}

/** One VM of an environment. */
export interface VmEnvironment extends VmSettings {
  /** Name in Proxmox, hostname and identity; used once in the file. */
  readonly name: string;
  /**
   * VM id.
   * @default - the next free one
   */
  readonly vmId?: number;
}

/** Where the state is kept: the factory of lib/backend, and its props. */
export type BackendEnvironment =
  | ({ readonly kind: "local" } & LocalStateProps)
  | ({ readonly kind: "minio" } & MinioStateProps)
  | ({ readonly kind: "s3" } & S3StateProps);

/** How an environment uses its receiver. Address and secret are variables. */
export type ReceiverEnvironment = Pick<ReceiverProps, "overdueAfter" | "heartbeatInterval" | "waitForConfigured">;

/** An environment, ready to be made a stack of. */
export interface Environment {
  /** Name of the file without `.yaml`, and id of the stack. */
  readonly name: string;
  readonly backend: BackendEnvironment;
  /** @default - the receiver's own defaults */
  readonly receiver?: ReceiverEnvironment;
  /** At least one; each already has the file's defaults. */
  readonly vms: readonly VmEnvironment[];
}

/** The file as it is written. */
export interface EnvironmentDocument extends Omit<Environment, "name"> {
  readonly defaults?: VmSettings;
}
