import type { TerraformProvider } from "cdktf";
import type { AnsibleCore } from "./seed/agent-config";
import type { Git } from "./ansible-pull/git";
import type { Schedule } from "./ansible-pull/schedule";
import type { Vault } from "./ansible-pull/vault";
import type { CloudConfig, CloudUser } from "./seed/cloud-config";
import type { ChangePolicy } from "./change-policy";
import type { DataDisk, DiskOptions, Dns, NetworkInterface, StartupOrder } from "./hardware";
import type { Image } from "./proxmox/image";
import type { Seed } from "./seed/seed";
import type { Receiver, WaitForConfigured } from "./receiver";
import type { OverrulableCode } from "./validation/overrulable";

/**
 * What a self-configuring VM is. Only what cannot be guessed is required.
 * docs/reference/props.md says for every prop whether an edit is in-place, replaces the VM, or counts at creation only.
 */
export interface NexusVmPullProps {
  /** Name in Proxmox, hostname and identity in the fleet: a lower-case DNS label. */
  readonly name: string;
  /** Proxmox node that runs the VM. */
  readonly nodeName: string;
  /**
   * VM id of the template to clone.
   * @default - none: the VM is made from `image`
   */
  readonly templateVmId?: number;
  /**
   * Disk image to make the VM from, instead of a template: no template is needed.
   * @default - none: the VM is a clone
   */
  readonly image?: Image;
  /** Where the Ansible repository is and how its content is trusted. */
  readonly source: Git;
  /**
   * Playbooks to run, in order: relative paths in the repository. Each has to match the VM and run a task.
   * @default ["nexus.yml"]
   */
  readonly playbooks?: string[];

  /**
   * Node of the template, when it is another one.
   * @default - `nodeName`
   */
  readonly templateNodeName?: string;
  /**
   * A full clone, independent of the template; false makes a linked clone, which needs the template's storage.
   * @default true
   */
  readonly fullClone?: boolean;
  /**
   * How often the provider dispatches a clone: once, whatever is given.
   * @deprecated Its retry takes another VM of that id for its own success.
   * @default 1
   */
  readonly cloneRetries?: number;
  /**
   * VM id, 100 to 999999999.
   * @default - the next free one
   */
  readonly vmId?: number;
  /**
   * Storage of the VM's disks and of its cloud-init drive.
   * @default "local-lvm"
   */
  readonly datastore?: string;

  /**
   * CPU cores per socket.
   * @default 2
   */
  readonly cores?: number;
  /**
   * CPU sockets.
   * @default 1
   */
  readonly sockets?: number;
  /**
   * CPU model as Proxmox names it, for example `host`.
   * @default "x86-64-v2-AES"
   */
  readonly cpuType?: string;
  /**
   * Memory in MiB.
   * @default 2048
   */
  readonly memoryMiB?: number;
  /**
   * Lower bound for ballooning in MiB.
   * @default - no ballooning
   */
  readonly balloonMiB?: number;
  /**
   * Size of the boot disk in GiB, not below the template's or the image's.
   * @default - the template's; with an image its `minimumDiskGiB`
   */
  readonly diskGiB?: number;
  /**
   * Bus and slot of the template's boot disk; used when `diskGiB` is given. A slot that the VM does not boot from is refused:
   * the provider would add a second, empty disk there.
   * @default "scsi0"
   */
  readonly diskInterface?: string;
  /**
   * How the boot disk is attached; used when `diskGiB` is given. The provider writes its defaults over everything of the
   * template's disk that is not said here.
   * @default - with `diskGiB` the provider's defaults, and a warning; without it the template's
   */
  readonly bootDisk?: DiskOptions;
  /**
   * Further disks; they need `diskGiB`, because the provider takes the declared disks for all there are.
   * @default - none
   */
  readonly dataDisks?: DataDisk[];
  /**
   * Network interfaces; they replace the template's.
   * @default - one on vmbr0 with DHCP
   */
  readonly network?: NetworkInterface[];
  /**
   * Resolver.
   * @default - DHCP's; with a static address the node's, and a warning
   */
  readonly dns?: Dns;

  /**
   * Tags; sent to Proxmox in lower case and sorted.
   * @default - none
   */
  readonly tags?: string[];
  /**
   * Where the VM runs once it is made: `anywhere`, so that HA or somebody may move it and the stack does not move it back, or
   * `nodeName`, so that the stack does. docs/placement.md says what follows.
   * @default "anywhere"
   */
  readonly placement?: "anywhere" | "nodeName";
  /**
   * Resource pool.
   * @default - none
   */
  readonly pool?: string;
  /**
   * Notes shown in Proxmox.
   * @default - says that OpenTofu manages the VM
   */
  readonly description?: string;
  /**
   * Start and shutdown order on the node.
   * @default - unordered
   */
  readonly startup?: StartupOrder;
  /**
   * Whether the node starts the VM when it boots.
   * @default true
   */
  readonly startOnBoot?: boolean;
  /**
   * Whether the VM runs.
   * @default true
   */
  readonly started?: boolean;
  /**
   * Whether Proxmox refuses to remove the VM and its disks; take it off before a destroy.
   * @default false
   */
  readonly protection?: boolean;
  /**
   * Firmware; `ovmf` is UEFI. Must be that of the template.
   * @default "seabios"
   */
  readonly bios?: "seabios" | "ovmf";
  /**
   * Machine type, for example `q35`.
   * @default - the template's
   */
  readonly machine?: string;
  /**
   * SCSI controller. Must suit the template's boot disk.
   * @default "virtio-scsi-single"
   */
  readonly scsiHardware?: "lsi" | "lsi53c810" | "virtio-scsi-pci" | "virtio-scsi-single" | "megasas" | "pvscsi";
  /**
   * Seconds that a guest gets to shut down when OpenTofu has to stop it.
   * @default 120
   */
  readonly shutdownTimeoutSeconds?: number;
  /**
   * Whether a changed cold setting (memory, cores ...) restarts a running VM at once; otherwise it waits for the next start.
   * @default false
   */
  readonly rebootAfterUpdate?: boolean;

  /**
   * Keys that may log in as the image's default user.
   * @default - none
   */
  readonly sshAuthorizedKeys?: string[];
  /**
   * Users to create beside the image's default user.
   * @default - none
   */
  readonly users?: CloudUser[];
  /**
   * Your own cloud-config, merged in: packages, write_files, runcmd, mounts, ca_certs, apt and so on.
   * @default - none
   */
  readonly cloudConfig?: CloudConfig;

  /**
   * Ansible inventory: a path in the repository.
   * @default - what the repository's ansible.cfg names, else one with just `localhost`
   */
  readonly inventory?: string;
  /**
   * Extra variables, handed to Ansible in a file. Values may be tokens.
   * @default - none
   */
  readonly extraVars?: Record<string, unknown>;
  /**
   * Password for ansible-vault: the value of a sensitive variable. It can be read in the state and in the seed.
   * @default - none
   */
  readonly vaultPassword?: string;
  /**
   * Secrets from Vault or OpenBao, by a response-wrapped secret id.
   * @default - none
   */
  readonly vault?: Vault;
  /**
   * Ansible tags to run.
   * @default - all
   */
  readonly ansibleTags?: string[];
  /**
   * Ansible tags to skip.
   * @default - none
   */
  readonly ansibleSkipTags?: string[];
  /**
   * `apply`, or `audit`: check mode that reports drift and changes nothing.
   * @default "apply"
   */
  readonly mode?: "apply" | "audit";
  /**
   * Time limit of one run, for example "1h".
   * @default "1h"
   */
  readonly runTimeout?: string;
  /**
   * Time limit of the installation of what a run needs and the image lacks, with its retries. After it the VM has failed.
   * @default "30m"
   */
  readonly bootstrapTimeout?: string;
  /**
   * Which ansible-core the VM runs.
   * @default - what the image has, else the distribution's
   */
  readonly ansibleCore?: AnsibleCore;
  /**
   * When the VM pulls after its first boot.
   * @default Schedule.every("30m", { jitter: "5m" })
   */
  readonly schedule?: Schedule;

  /**
   * Where the agent comes from: `seed` sends it along, `image` uses the one in the image, which must have the same sha256.
   * @default "seed"
   */
  readonly agent?: "seed" | "image";
  /**
   * How the cloud-init seed reaches the VM.
   * @default Seed.snippet({ datastore: "local" })
   */
  readonly seed?: Seed;
  /**
   * Where the VM reports.
   * @default - nowhere
   */
  readonly receiver?: Receiver;
  /**
   * Whether `apply` waits until this VM is Configured.
   * @default - the receiver's setting
   */
  readonly waitForConfigured?: WaitForConfigured;
  /**
   * What an edit of the seed may do to the VM.
   * @default ChangePolicy.keepVm()
   */
  readonly changePolicy?: ChangePolicy;
  /**
   * Fleet that the VM belongs to.
   * @default - the receiver's fleet, else the stack's id
   */
  readonly fleet?: string;
  /**
   * Codes of findings that are no reason to refuse this VM; they become warnings. docs/reference/errors.md says which codes
   * may be overruled.
   * @default - none
   */
  readonly overrule?: readonly OverrulableCode[];
  /**
   * The Proxmox provider to use, when the stack has more than one.
   * @default - the stack's
   */
  readonly provider?: TerraformProvider;
}
