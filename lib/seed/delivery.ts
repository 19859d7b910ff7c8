import type { ITerraformDependable, TerraformProvider } from "cdktf";
import type { Construct } from "constructs";
import type { ChangePolicy } from "../change-policy";
import type { Dns, NetworkInterface } from "../hardware";

/** What a seed is delivered from. @internal */
export interface SeedContext {
  readonly scope: Construct;
  readonly fleet: string;
  readonly name: string;
  readonly nodeName: string;
  /** The VM's cards, each with a MAC address when the delivery names them by it. */
  readonly interfaces: readonly NetworkInterface[];
  readonly dns?: Dns;
  /** The cloud-config and the meta-data: OpenTofu expressions of the texts, asked for at synthesis. */
  readonly userData: () => string;
  readonly metaData: () => string;
  readonly changePolicy: ChangePolicy;
  /** Whether the VM follows `nodeName`, and its files with it. */
  readonly followsNode: boolean;
  readonly provider?: TerraformProvider;
}

/** What a delivered seed means for the VM. @internal */
export interface SeedBinding {
  /** Volumes for Proxmox's own cloud-init drive; nothing when the seed comes another way. */
  readonly drive?: { readonly userDataFileId: string; readonly metaDataFileId?: string };
  /** An image in a CD drive. */
  readonly cdrom?: { readonly fileId: string; readonly interface: string };
  /** SMBIOS serial that tells cloud-init where its seed is. */
  readonly smbiosSerial?: string;
  readonly dependsOn: ITerraformDependable[];
}

/** One way for a seed to reach a VM. @internal */
export interface SeedDelivery {
  /** Who writes addresses and resolver into the seed; with `nobody` a VM can only have DHCP. */
  readonly network: "proxmox" | "seed" | "nobody";
  /** Volume ids and addresses to check. */
  readonly references: { readonly volumes: readonly string[]; readonly url?: string };
  deliver(context: SeedContext): SeedBinding;
}
