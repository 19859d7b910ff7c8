import type { IResolvable, ITerraformDependable, TerraformResource } from "cdktf";

/**
 * Whether `apply` waits until a VM is Configured: false, true (30 minutes at most), or with a limit of its own such as
 * `{ timeout: "1h" }`.
 */
export type WaitForConfigured = boolean | WaitOptions;

/** How long `apply` waits for a VM. */
export interface WaitOptions {
  /**
   * A duration such as "30m", at most 24 hours; after it the wait fails and says what was last known.
   * @default "30m"
   */
  readonly timeout?: string;
}

/** What a stack knows of its receiver. */
export interface ReceiverProps {
  /**
   * The receiver's full POST address: http(s), ending in `/webhook`, without credentials.
   * The value of a variable may be empty or null: then there is no receiver, and every resource here has `count = 0`.
   */
  readonly webhookUrl: string;
  /** The operator secret that the receiver knows: the value of a sensitive variable, never a literal. */
  readonly secret: string;
  /**
   * How long a VM may take from being asked for to Configured before the receiver calls it Overdue: a duration such as
   * "30m", at most 7 days.
   * @default "30m"
   */
  readonly overdueAfter?: string;
  /**
   * Fleet of this stack's VMs: letters, digits, '.', '_' and '-', at most 63. One Receiver a fleet: its roster is the
   * whole fleet.
   * @default - the stack's id
   */
  readonly fleet?: string;
  /**
   * PEM certificates that the receiver's certificate is verified with, by the VMs' agents and by curl on the runner.
   * @default - the system's certificates
   */
  readonly caCertificate?: string;
  /**
   * How often an agent says that its VM is alive: a duration such as "15m", at most 24 hours.
   * @default "15m"
   */
  readonly heartbeatInterval?: string;
  /**
   * Whether `apply` waits for this receiver's VMs; a VM may say otherwise.
   * @default false
   */
  readonly waitForConfigured?: WaitForConfigured;
}

/**
 * A VM before it exists.
 * @internal
 */
export interface VmRegistration {
  /** Name of the VM in its fleet; used once. */
  readonly name: string;
  /** instance-id in the VM's meta-data. Must not refer to the VM: the roster is sent before it is made. */
  readonly instanceId: string;
  /** What the VM should end up with: a full commit, a branch or a tag. */
  readonly ref: string;
}

/**
 * The `receiver` section of /etc/nexus-pull/agent.json (contract/agent-config.schema.json).
 * @internal
 */
export interface AgentReceiver {
  /** The full POST address. */
  readonly url: string;
  /** PEM. */
  readonly ca_certificate?: string;
  /** Seconds between heartbeats. */
  readonly heartbeat_s: number;
}

/**
 * What a VM takes from its receiver.
 * @internal
 */
export interface ReceiverBinding {
  /** Fleet of the VM. */
  readonly fleet: string;
  /** An AgentReceiver, as a token; evaluates to null when there is no receiver. To be used as a whole. */
  readonly agent: IResolvable;
  /** The VM's key (64 hexadecimal digits, sensitive), as a token; evaluates to "" when there is no receiver. */
  readonly key: string;
  /** What the VM must depend on, so that the receiver expects it before it is there and forgets it after it is gone. */
  readonly dependsOn: ITerraformDependable[];
}

/**
 * A VM that is made by a resource of this stack.
 * @internal
 */
export interface VmAnnouncement {
  /** The name that it was registered with. */
  readonly name: string;
  /** The VM: a resource whose `id` only a new machine changes. */
  readonly vm: TerraformResource;
  /**
   * Whether `apply` waits for this VM.
   * @default - the receiver's setting
   */
  readonly waitForConfigured?: WaitForConfigured;
  /**
   * The pinned commit to wait for. A branch is not one: leave it out.
   * @default - any commit that the VM calls intended
   */
  readonly commit?: string;
  /**
   * Anything that changes when the VM's settings do: a new value makes `apply` wait again.
   * @default - waits for a new machine or a new commit only
   */
  readonly generation?: string;
}
