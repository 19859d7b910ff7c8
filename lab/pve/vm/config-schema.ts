// What a VM's configuration may hold. Names and limits are those of Proxmox's own API description (9.2); a test compares.
import type { Check, Parameters } from "../api/checks";
import * as f from "../api/formats";

const count = f.int();
const THROTTLES: Record<string, Check> = Object.fromEntries([
  ...["bps", "bps_rd", "bps_wr", "iops", "iops_max", "iops_rd", "iops_rd_max", "iops_wr", "iops_wr_max"].map((key) => [
    key,
    count,
  ]),
  ...["mbps", "mbps_max", "mbps_rd", "mbps_rd_max", "mbps_wr", "mbps_wr_max"].map((key) => [key, f.number]),
]);

const DRIVE: Record<string, Check> = {
  file: f.required(f.text),
  aio: f.oneOf("native", "threads", "io_uring"),
  backup: f.bool,
  cache: f.oneOf("none", "writethrough", "writeback", "unsafe", "directsync"),
  detect_zeroes: f.bool,
  discard: f.oneOf("ignore", "on"),
  format: f.oneOf("raw", "qcow", "qed", "qcow2", "vmdk", "cloop"),
  "import-from": f.text,
  media: f.oneOf("cdrom", "disk"),
  replicate: f.bool,
  rerror: f.oneOf("ignore", "report", "stop"),
  serial: f.text,
  shared: f.bool,
  size: f.diskSize,
  snapshot: f.bool,
  werror: f.oneOf("enospc", "ignore", "report", "stop"),
  ...THROTTLES,
};

function drive(...own: string[]): Check {
  const KINDS: Record<string, Check> = {
    iothread: f.bool,
    ssd: f.bool,
    ro: f.bool,
    scsiblock: f.bool,
    queues: f.int(2),
    wwn: f.matching(/^(0x)[0-9a-fA-F]{16}/),
    model: f.text,
    product: f.matching(/^[A-Za-z0-9\-_\s]{0,16}$/),
    vendor: f.matching(/^[A-Za-z0-9\-_\s]{0,8}$/),
  };
  const extra = Object.fromEntries(own.map((key) => [key, KINDS[key] as Check]));
  return f.properties({ ...DRIVE, ...extra }, { defaultKey: "file", aliases: { volume: "file" } });
}

/** Models of network cards. */
export const NIC_MODELS = [
  "e1000",
  "e1000-82540em",
  "e1000-82544gc",
  "e1000-82545em",
  "e1000e",
  "i82551",
  "i82557b",
  "i82559er",
  "ne2k_isa",
  "ne2k_pci",
  "pcnet",
  "rtl8139",
  "virtio",
  "vmxnet3",
];

const net: Check = {
  type: "string",
  properties: {
    defaultKey: "model",
    keys: {
      bridge: f.text,
      firewall: f.bool,
      link_down: f.bool,
      macaddr: f.macAddress,
      model: f.oneOf(...NIC_MODELS),
      mtu: f.int(1, 65520),
      queues: f.int(0, 64),
      rate: { type: "number", minimum: 0 },
      tag: f.int(1, 4094),
      trunks: f.matching(/^\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*$/),
    },
    aliases: Object.fromEntries(NIC_MODELS.map((model) => [model, "macaddr"])),
  },
};

const smbios1 = f.properties(
  Object.fromEntries([
    ...["serial", "manufacturer", "version", "product", "sku", "family"].map((key) => [
      key,
      f.matching(/^[A-Za-z0-9+/]+={0,2}$/),
    ]),
    ["uuid", f.matching(/^[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}$/)],
    ["base64", f.bool],
  ]),
);

const SNIPPET = f.volumeId;

/** Every configuration key with its check. */
export const CONFIG_KEYS: Parameters = {
  acpi: f.bool,
  affinity: f.text,
  agent: f.properties(
    { enabled: f.bool, "freeze-fs": f.bool, fstrim_cloned_disks: f.bool, type: f.oneOf("virtio", "isa") },
    { defaultKey: "enabled", aliases: { "freeze-fs-on-backup": "freeze-fs", "guest-fsfreeze": "freeze-fs" } },
  ),
  arch: f.oneOf("x86_64", "aarch64"),
  args: f.text,
  balloon: f.int(0),
  bios: f.oneOf("seabios", "ovmf"),
  boot: f.text,
  cicustom: f.properties({ meta: SNIPPET, network: SNIPPET, user: SNIPPET, vendor: SNIPPET }),
  cipassword: f.text,
  citype: f.oneOf("configdrive2", "nocloud", "opennebula"),
  ciupgrade: f.bool,
  ciuser: f.text,
  cores: f.int(1),
  cpu: f.text,
  cpulimit: { type: "number", minimum: 0, maximum: 128 },
  cpuunits: f.int(1, 262144),
  description: { type: "string", maxLength: 8192 },
  efidisk0: f.properties(
    {
      file: f.required(f.text),
      efitype: f.oneOf("2m", "4m"),
      format: f.oneOf("raw", "qcow", "qed", "qcow2", "vmdk", "cloop"),
      "import-from": f.text,
      "ms-cert": f.oneOf("2011", "2023", "2023w", "2023k"),
      "pre-enrolled-keys": f.bool,
      size: f.diskSize,
    },
    { defaultKey: "file", aliases: { volume: "file" } },
  ),
  freeze: f.bool,
  hookscript: f.volumeId,
  hotplug: f.text,
  "ide[n]": drive("ssd", "model", "wwn"),
  "ipconfig[n]": f.properties({ ip: f.ipv4Config, gw: f.ipv4, ip6: f.ipv6Config, gw6: f.ipv6 }),
  keyboard: f.text,
  kvm: f.bool,
  localtime: f.bool,
  lock: f.oneOf(
    "backup",
    "clone",
    "create",
    "migrate",
    "rollback",
    "snapshot",
    "snapshot-delete",
    "suspending",
    "suspended",
  ),
  machine: f.properties(
    {
      type: f.matching(/^(pc|pc(-i440fx)?-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?|q35|pc-q35-\d+(\.\d+)+(\+pve\d+)?(\.pxe)?)$/),
      viommu: f.oneOf("intel", "virtio"),
    },
    { defaultKey: "type" },
  ),
  memory: f.properties({ current: f.int(16) }, { defaultKey: "current" }),
  name: f.dnsName,
  nameserver: f.text,
  "net[n]": net,
  numa: f.bool,
  onboot: f.bool,
  ostype: f.oneOf(
    "other",
    "wxp",
    "w2k",
    "w2k3",
    "w2k8",
    "wvista",
    "win7",
    "win8",
    "win10",
    "win11",
    "l24",
    "l26",
    "solaris",
  ),
  protection: f.bool,
  reboot: f.bool,
  "sata[n]": drive("ssd", "wwn"),
  "scsi[n]": drive("iothread", "ssd", "ro", "scsiblock", "queues", "wwn", "product", "vendor"),
  scsihw: f.oneOf("lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"),
  searchdomain: f.text,
  "serial[n]": f.matching(/^(\/dev\/[^,]+|socket)$/),
  shares: f.int(0, 50000),
  smbios1,
  sockets: f.int(1),
  sshkeys: f.text,
  startup: f.matching(/^(order=)?\d+(,up=\d+)?(,down=\d+)?$|^(up|down)=\d+(,down=\d+)?$/),
  tablet: f.bool,
  tags: f.tagList,
  template: f.bool,
  "unused[n]": f.properties({ file: f.volumeId }, { defaultKey: "file", aliases: { volume: "file" } }),
  vcpus: f.int(1),
  vga: f.properties(
    {
      type: f.oneOf(
        "cirrus",
        "qxl",
        "qxl2",
        "qxl3",
        "qxl4",
        "none",
        "serial0",
        "serial1",
        "serial2",
        "serial3",
        "std",
        "virtio",
        "virtio-gl",
        "vmware",
      ),
      memory: f.int(4, 512),
      clipboard: f.oneOf("vnc"),
    },
    { defaultKey: "type" },
  ),
  "virtio[n]": drive("iothread", "ro"),
  vmgenid: f.matching(/^(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])$/),
};

const DRIVE_NAME = /^(ide|sata|scsi|virtio|efidisk|tpmstate)\d+$/;

/** Whether a key names a drive. */
export function isDrive(key: string): boolean {
  return DRIVE_NAME.test(key);
}
