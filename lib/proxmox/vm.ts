import { Token, type ITerraformDependable, type Precondition } from "cdktf";
import type { Construct } from "constructs";
import { escapeString } from "../opentofu/literals";
import type { NexusVmPullProps } from "../props";
import type { DataDisk, DiskOptions, Dns, NetworkInterface } from "../hardware";
import {
  ProxmoxVm,
  type ProxmoxVmDisk,
  type ProxmoxVmInitialization,
  type ProxmoxVmIpConfig,
  type ProxmoxVmNetworkDevice,
} from "./resource-types";
import type { ImageBinding } from "./image";
import { CLONE_DISPATCHES, ownVm } from "./own-vm";
import type { SeedBinding } from "../seed/delivery";

/** What is used where a prop is left out. */
export const VM_DEFAULTS = {
  datastore: "local-lvm",
  diskInterface: "scsi0",
  network: [{ bridge: "vmbr0" }] as NetworkInterface[],
  cores: 2,
  memoryMiB: 2048,
  cpuType: "x86-64-v2-AES",
} as const;

const DESCRIPTION = "Managed by OpenTofu (nexus-vm-pull); configures itself by ansible-pull.";

/** Makes the provider's VM resource out of the props. */
export function proxmoxVm(
  scope: Construct,
  props: NexusVmPullProps,
  seed: SeedBinding,
  dependsOn: ITerraformDependable[],
  precondition: Precondition[],
): ProxmoxVm {
  const interfaces = props.network ?? VM_DEFAULTS.network;
  const own = ownVm(scope, props);
  const image = props.image?.bind({ scope, nodeName: props.nodeName, provider: props.provider });
  return new ProxmoxVm(scope, "vm", {
    ...placement(props),
    clone: clone(props),
    ...hardware(props),
    ...behaviour(props),
    disk: disks(props, image),
    networkDevice: interfaces.map(networkDevice),
    initialization: initialization(props, interfaces, seed),
    cdrom: seed.cdrom,
    bootOrder: seed.cdrom && bootOrder(props, seed.cdrom.interface),
    smbios: seed.smbiosSerial === undefined ? undefined : { serial: seed.smbiosSerial },
    provider: props.provider,
    dependsOn: [...seed.dependsOn, ...dependsOn, ...(image?.dependsOn ?? [])],
    lifecycle: {
      ...lifecycle(props, image),
      precondition: [...precondition, ...own.precondition],
      postcondition: own.postcondition,
    },
  });
}

function placement(props: NexusVmPullProps) {
  return {
    name: props.name,
    nodeName: props.nodeName,
    vmId: props.vmId,
    poolId: props.pool,
    // Free text among Proxmox's settings; others are held to characters without a meaning in OpenTofu, or are overruled.
    // Proxmox drops line breaks at its end, and every plan would want to set them again.
    description: escapeString((props.description ?? DESCRIPTION).replace(/\s+$/, "")),
    tags: props.tags === undefined ? undefined : normalizedTags(props.tags),
  };
}

function clone(props: NexusVmPullProps) {
  if (props.templateVmId === undefined) return undefined;
  return {
    vmId: props.templateVmId,
    nodeName: props.templateNodeName,
    datastoreId: props.fullClone === false ? undefined : (props.datastore ?? VM_DEFAULTS.datastore),
    full: props.fullClone ?? true,
    retries: CLONE_DISPATCHES,
  };
}

/** As Proxmox keeps them; anything else would show as a difference in every plan. */
function normalizedTags(tags: string[]): string[] {
  return [...new Set(tags.map((tag) => (Token.isUnresolved(tag) ? tag : tag.toLowerCase())))].sort();
}

function hardware(props: NexusVmPullProps) {
  return {
    bios: props.bios ?? "seabios",
    machine: props.machine && escapeString(props.machine),
    scsiHardware: props.scsiHardware ?? "virtio-scsi-single",
    cpu: {
      cores: props.cores ?? VM_DEFAULTS.cores,
      sockets: props.sockets ?? 1,
      type: escapeString(props.cpuType ?? VM_DEFAULTS.cpuType),
    },
    memory: { dedicated: props.memoryMiB ?? VM_DEFAULTS.memoryMiB, floating: props.balloonMiB },
    operatingSystem: { type: "l26" },
    // Debian's and Ubuntu's cloud images panic on a resized disk without one (bpg/terraform-provider-proxmox#1639).
    serialDevice: [{ device: "socket" }],
  };
}

function behaviour(props: NexusVmPullProps) {
  return {
    // `apply` returns when the VM runs: nothing waits for the guest.
    agent: { enabled: true, waitForIp: { disabled: true } },
    started: props.started ?? true,
    reboot: false,
    rebootAfterUpdate: props.rebootAfterUpdate ?? false,
    stopOnDestroy: true,
    migrate: true,
    onBoot: props.startOnBoot ?? true,
    protection: props.protection ?? false,
    timeoutShutdownVm: props.shutdownTimeoutSeconds ?? 120,
    startup:
      props.startup === undefined
        ? undefined
        : {
            order: props.startup.order,
            upDelay: props.startup.upDelaySeconds,
            downDelay: props.startup.downDelaySeconds,
          },
  };
}

// A disk that is declared gets the provider's defaults over the template's settings, so the boot disk stays undeclared
// until its size is asked for.
function disks(props: NexusVmPullProps, image: ImageBinding | undefined): ProxmoxVmDisk[] | undefined {
  const datastoreId = props.datastore ?? VM_DEFAULTS.datastore;
  const size = props.diskGiB ?? props.image?.spec.minimumDiskGiB;
  const boot: ProxmoxVmDisk[] =
    size === undefined
      ? []
      : [
          {
            interface: props.diskInterface ?? VM_DEFAULTS.diskInterface,
            datastoreId,
            size,
            importFromAttribute: image?.importFrom,
            // The default controller has a thread for each disk of its own; a template's disk is left as it is.
            ...diskOptions(
              image === undefined ? (props.bootDisk ?? {}) : { iothread: true, ...props.bootDisk },
              props.diskInterface ?? VM_DEFAULTS.diskInterface,
            ),
          },
        ];
  const data = (props.dataDisks ?? []).map((disk) => dataDisk(disk, datastoreId));
  const all = [...boot, ...data];
  return all.length === 0 ? undefined : all;
}

function dataDisk(disk: DataDisk, datastore: string): ProxmoxVmDisk {
  // Only the first one may be without, see the disks' rule.
  const bus = disk.interface ?? "scsi1";
  return {
    interface: bus,
    datastoreId: disk.datastore ?? datastore,
    size: disk.sizeGiB,
    ...diskOptions(disk, bus),
  };
}

function diskOptions(disk: DiskOptions, bus: string) {
  return {
    discard: disk.discard === false ? "ignore" : "on",
    // A virtio disk has no such flag: Proxmox never keeps it, and every plan would want to set it again.
    ssd: disk.ssd === undefined ? undefined : !bus.startsWith("virtio") && disk.ssd,
    iothread: disk.iothread,
    cache: disk.cache,
    aio: disk.aio,
    backup: disk.backup,
    replicate: disk.replicate,
    fileFormat: disk.fileFormat,
    speed: disk.speed && {
      read: disk.speed.readMBps,
      write: disk.speed.writeMBps,
      iopsRead: disk.speed.readIops,
      iopsWrite: disk.speed.writeIops,
    },
  };
}

function networkDevice(nic: NetworkInterface): ProxmoxVmNetworkDevice {
  // In JSON the provider wants every key of this block.
  return {
    bridge: nic.bridge,
    disconnected: false,
    enabled: Token.nullValue(),
    firewall: nic.firewall ?? false,
    macAddress: nic.macAddress ?? nullString(),
    model: nic.model ?? "virtio",
    mtu: nic.mtu ?? nullNumber(),
    queues: nullNumber(),
    rateLimit: nic.rateLimitMBps ?? nullNumber(),
    trunks: nullString(),
    vlanId: nic.vlanId ?? nullNumber(),
  };
}

function nullString(): string {
  return Token.asString(Token.nullValue());
}

function nullNumber(): number {
  return Token.asNumber(Token.nullValue());
}

function initialization(
  props: NexusVmPullProps,
  interfaces: NetworkInterface[],
  seed: SeedBinding,
): ProxmoxVmInitialization | undefined {
  if (seed.drive === undefined) return undefined;
  return {
    datastoreId: props.datastore ?? VM_DEFAULTS.datastore,
    userDataFileId: seed.drive.userDataFileId,
    metaDataFileId: seed.drive.metaDataFileId,
    ipConfig: interfaces.map(ipConfig),
    dns: props.dns === undefined ? undefined : dnsConfig(props.dns),
  };
}

// The medium's slot has to be in it: Proxmox appends a changed CD that is not, and every plan would take it out again.
function bootOrder(props: NexusVmPullProps, cdrom: string): string[] {
  return [props.diskInterface ?? VM_DEFAULTS.diskInterface, cdrom];
}

function dnsConfig(dns: Dns) {
  return { servers: dns.servers, domain: dns.domain };
}

function ipConfig(nic: NetworkInterface): ProxmoxVmIpConfig {
  const ipv4 = nic.address ?? (nic.address6 === undefined ? "dhcp" : undefined);
  return {
    ipv4: ipv4 === undefined ? undefined : { address: ipv4, gateway: nic.gateway },
    ipv6: nic.address6 === undefined ? undefined : { address: nic.address6, gateway: nic.gateway6 },
  };
}

function lifecycle({ changePolicy, placement }: NexusVmPullProps, image: ImageBinding | undefined) {
  // What counts only while a VM is made must not make one that exists anew, nor is a VM that was moved moved back.
  // A new image reaches new VMs only: the provider would write the disk as it is, and import nothing.
  const made = changePolicy?.kind === "replace" ? [] : [image === undefined ? "clone" : "disk[0].import_from", "vm_id"];
  const ignoreChanges = placement === "nodeName" ? made : [...made, "node_name"];
  return ignoreChanges.length === 0 ? {} : { ignoreChanges };
}
