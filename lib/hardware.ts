/** One network interface of the VM; the first one is `net0`. */
export interface NetworkInterface {
  /** Linux bridge or SDN VNet on the node. */
  readonly bridge: string;
  /**
   * VLAN tag, 1 to 4094.
   * @default - untagged
   */
  readonly vlanId?: number;
  /**
   * Unicast MAC address.
   * @default - Proxmox makes one (prefix BC:24:11) when it clones
   */
  readonly macAddress?: string;
  /**
   * Emulated card.
   * @default "virtio"
   */
  readonly model?: "virtio" | "e1000" | "e1000e" | "rtl8139" | "vmxnet3";
  /**
   * Whether the Proxmox firewall filters this interface.
   * @default false
   */
  readonly firewall?: boolean;
  /**
   * MTU in bytes, 576 to 65520; 1 takes the bridge's.
   * @default - the card's own
   */
  readonly mtu?: number;
  /**
   * Rate limit in MB/s; fractions too.
   * @default - unlimited
   */
  readonly rateLimitMBps?: number;
  /**
   * IPv4: `dhcp`, or an address with prefix length such as `192.0.2.10/24`.
   * @default "dhcp", or no IPv4 when `address6` is given alone
   */
  readonly address?: string;
  /**
   * IPv4 gateway: inside the address's subnet, or with a /32 anywhere.
   * @default - none
   */
  readonly gateway?: string;
  /**
   * IPv6: `dhcp`, `auto` (SLAAC), or an address with prefix length such as `2001:db8::10/64`.
   * @default - none
   */
  readonly address6?: string;
  /**
   * IPv6 gateway: inside the subnet, link-local, or with a /128 anywhere.
   * @default - none
   */
  readonly gateway6?: string;
}

/** Resolver settings, written into the seed for every interface. */
export interface Dns {
  /** Name servers, IPv4 or IPv6. */
  readonly servers: string[];
  /**
   * Search domain; also makes the VM's fully qualified name.
   * @default - none
   */
  readonly domain?: string;
}

/** Limits of a disk's throughput. */
export interface DiskSpeed {
  /**
   * Read limit in MB/s.
   * @default - unlimited
   */
  readonly readMBps?: number;
  /**
   * Write limit in MB/s.
   * @default - unlimited
   */
  readonly writeMBps?: number;
  /**
   * Read operations a second.
   * @default - unlimited
   */
  readonly readIops?: number;
  /**
   * Write operations a second.
   * @default - unlimited
   */
  readonly writeIops?: number;
}

/** How a disk is attached. */
export interface DiskOptions {
  /**
   * Whether the disk has a thread of its own; needs `virtio-scsi-single` on SCSI, and is not for SATA.
   * @default false
   */
  readonly iothread?: boolean;
  /**
   * Whether the guest sees a solid-state disk; not for a virtio disk.
   * @default false
   */
  readonly ssd?: boolean;
  /**
   * Whether the guest's discards reach the storage.
   * @default true
   */
  readonly discard?: boolean;
  /**
   * Cache of the node.
   * @default "none"
   */
  readonly cache?: "none" | "directsync" | "writethrough" | "writeback" | "unsafe";
  /**
   * Asynchronous input and output.
   * @default "io_uring"
   */
  readonly aio?: "io_uring" | "native" | "threads";
  /**
   * Whether backups include the disk.
   * @default true
   */
  readonly backup?: boolean;
  /**
   * Whether storage replication includes the disk.
   * @default true
   */
  readonly replicate?: boolean;
  /**
   * Format of the image; of the boot disk it must be the clone's.
   * @default - what the storage makes
   */
  readonly fileFormat?: "raw" | "qcow2" | "vmdk";
  /**
   * Limits of throughput.
   * @default - unlimited
   */
  readonly speed?: DiskSpeed;
}

/**
 * A disk beside the one that the template brings. Disks only grow. Its slot is its identity: a disk whose slot is no longer
 * named is removed with its content.
 */
export interface DataDisk extends DiskOptions {
  /** Size in GiB. */
  readonly sizeGiB: number;
  /**
   * Bus and slot, for example `scsi1` or `virtio1`. Only the first disk of the list may go without.
   * @default "scsi1"
   */
  readonly interface?: string;
  /**
   * Storage of the disk.
   * @default - the VM's `datastore`
   */
  readonly datastore?: string;
}

/** Place in the node's start and shutdown order. Needs Sys.Modify on `/` with an API token. */
export interface StartupOrder {
  /** Rank; lower starts first and stops last. */
  readonly order: number;
  /**
   * Seconds until the next VM starts.
   * @default - the node's default
   */
  readonly upDelaySeconds?: number;
  /**
   * Seconds until the next VM is shut down.
   * @default - the node's default
   */
  readonly downDelaySeconds?: number;
}
