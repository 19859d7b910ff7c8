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
   * Emulated card: `virtio`, `e1000`, `e1000e`, `rtl8139` or `vmxnet3`.
   * @default "virtio"
   */
  readonly model?: string;
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
   * Rate limit in MB/s.
   * @default - unlimited
   */
  readonly rateLimitMBps?: number;
  /**
   * IPv4: `dhcp`, or an address with prefix length such as `192.0.2.10/24`.
   * @default "dhcp", or no IPv4 when `address6` is given alone
   */
  readonly address?: string;
  /**
   * IPv4 gateway, inside the address's subnet.
   * @default - none
   */
  readonly gateway?: string;
  /**
   * IPv6: `dhcp`, `auto` (SLAAC), or an address with prefix length such as `2001:db8::10/64`.
   * @default - none
   */
  readonly address6?: string;
  /**
   * IPv6 gateway: inside the subnet, or link-local.
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

/** A disk beside the one that the template brings. Disks only grow. */
export interface DataDisk {
  /** Size in GiB. */
  readonly sizeGiB: number;
  /**
   * Bus and slot, for example `scsi1` or `virtio1`.
   * @default - scsi1, scsi2, ... in order
   */
  readonly interface?: string;
  /**
   * Storage of the disk.
   * @default - the VM's `datastore`
   */
  readonly datastore?: string;
  /**
   * Whether the guest's discards reach the storage.
   * @default true
   */
  readonly discard?: boolean;
  /**
   * Whether the guest sees a solid-state disk.
   * @default false
   */
  readonly ssd?: boolean;
  /**
   * Whether backups include the disk.
   * @default true
   */
  readonly backup?: boolean;
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
