// What the stand-in knows: nodes, storages, VMs, pools, users. Plain data; the modules beside this one change it.
import { randomUUID } from "node:crypto";

/** One volume on a storage. */
export interface Volume {
  readonly content: "images" | "iso" | "snippets" | "vztmpl" | "import" | "backup";
  readonly format: string;
  size: number;
  readonly ctime: number;
  /** Owner of a disk. */
  readonly vmid?: number;
  /** The base volume of a linked clone. */
  readonly parent?: string;
  /** Bytes of a snippet, an ISO or a short image. */
  readonly bytes?: Buffer;
  /** Size of the disk in an image. */
  readonly virtualSize?: number;
  /** Hash of an image's whole content, in hex. */
  digest?(algorithm: string): string;
}

/** A storage definition with its volumes: by node, or under one name when the storage is shared. */
export interface Storage {
  readonly id: string;
  readonly type: "dir" | "lvmthin" | "rbd" | "nfs";
  /** Where a file storage is mounted. */
  readonly path?: string;
  content: string[];
  readonly shared: boolean;
  total: number;
  /** What is refused with "no space left" when allocated. */
  full: boolean;
  readonly volumes: Map<string, Map<string, Volume>>;
  /** Nodes on which the snippets folder exists: Proxmox removes an empty one, and a listing makes it again. */
  readonly snippetsFolder: Set<string>;
  /** How often a folder was removed with its last file, by `node/content`. */
  readonly removals: Map<string, number>;
}

/** What Proxmox wrote on a VM's cloud-init drive. */
export interface SeedFiles {
  readonly userData: string;
  readonly metaData: string;
  readonly networkConfig: string;
  readonly vendorData: string;
  /** What a guest reads as its instance-id. */
  readonly instanceId: string;
}

/** How the guest behaves; there is none. */
export interface Guest {
  /** The agent answers. */
  agent: boolean;
  /** It powers off when asked. */
  obeysShutdown: boolean;
  addresses: string[];
}

/** Figures that pvestatd writes down from time to time. */
export interface Stats {
  readonly name: string;
  readonly status: string;
  readonly maxmem: number;
  readonly maxdisk: number;
  readonly maxcpu: number;
  readonly uptime: number;
}

/** A VM. */
export interface Vm {
  readonly vmid: number;
  node: string;
  readonly config: Map<string, string>;
  /** Changes that wait for the next start; null deletes the key. */
  readonly pending: Map<string, string | null>;
  running?: { readonly since: number; readonly pid: number };
  seed?: SeedFiles;
  readonly guest: Guest;
  stats?: Stats;
}

/** A node. */
export interface Node {
  readonly name: string;
  /** Address that GET nodes/{node}/network tells. */
  readonly address: string;
  readonly bridges: string[];
  readonly resolver: { readonly servers: string[]; readonly search: string };
}

/** One grant of privileges on a path, and below it. */
export interface Grant {
  readonly path: string;
  readonly who: string;
  readonly privileges: ReadonlySet<string>;
}

/** Everything. */
export interface Cluster {
  readonly nodes: Map<string, Node>;
  readonly storages: Map<string, Storage>;
  readonly vms: Map<number, Vm>;
  readonly pools: Map<string, { comment?: string; readonly vms: Set<number>; readonly storages: Set<string> }>;
  /** user@realm to password. */
  readonly users: Map<string, string>;
  /** user@realm!id to secret. */
  readonly tokens: Map<string, string>;
  grants: Grant[];
}

export const GIB = 1024 ** 3;

/** A storage without volumes. */
export function storage(id: string, type: Storage["type"], content: string[], shared = false): Storage {
  const path =
    type === "dir" ? (id === "local" ? "/var/lib/vz" : `/mnt/${id}`) : type === "nfs" ? `/mnt/pve/${id}` : undefined;
  return {
    id,
    type,
    path,
    content,
    shared,
    total: 1024 * GIB,
    full: false,
    volumes: new Map(),
    snippetsFolder: new Set(),
    removals: new Map(),
  };
}

/** The volumes of a storage as a node sees them. */
export function volumesOn(store: Storage, node: string): Map<string, Volume> {
  const place = store.shared ? "*" : node;
  const volumes = store.volumes.get(place) ?? new Map<string, Volume>();
  store.volumes.set(place, volumes);
  return volumes;
}

function node(name: string, address: string): Node {
  return { name, address, bridges: ["vmbr0", "vmbr1"], resolver: { servers: ["192.0.2.53"], search: "lab.test" } };
}

/** Two nodes with the usual storages, no VM. */
export function emptyCluster(password: string, tokenSecret: string): Cluster {
  const storages = [
    storage("local", "dir", ["backup", "images", "import", "iso", "snippets", "vztmpl"]),
    storage("local-lvm", "lvmthin", ["images", "rootdir"]),
    storage("ceph", "rbd", ["images", "rootdir"], true),
  ];
  return {
    nodes: new Map([node("pve", "127.0.0.1"), node("pve2", "127.0.0.1")].map((one) => [one.name, one])),
    storages: new Map(storages.map((one) => [one.id, one])),
    vms: new Map(),
    pools: new Map(),
    users: new Map([["root@pam", password]]),
    tokens: new Map([["root@pam!lab", tokenSecret]]),
    grants: [],
  };
}

/** What a template looks like. */
export interface TemplateOptions {
  readonly vmid: number;
  readonly node: string;
  readonly name: string;
  readonly storage: string;
  readonly sizeGib: number;
  /** Further configuration, or other values. @default - none */
  readonly config?: Readonly<Record<string, string>>;
  /** @default true */
  readonly template?: boolean;
  readonly ctime: number;
}

/** Puts a template, as a golden image leaves it, or a plain VM on a node. */
export function addTemplate(cluster: Cluster, options: TemplateOptions): Vm {
  const { vmid, sizeGib, template = true } = options;
  const store = cluster.storages.get(options.storage);
  if (store === undefined) throw new Error(`no storage ${options.storage} in the lab's cluster`);
  const files = store.path !== undefined;
  const name = `${template ? "base" : "vm"}-${vmid}-disk-0`;
  const volume = files ? `${vmid}/${name}.qcow2` : name;
  volumesOn(store, options.node).set(volume, {
    content: "images",
    format: files ? "qcow2" : "raw",
    size: sizeGib * GIB,
    ctime: options.ctime,
    vmid,
  });
  const config = {
    agent: "1",
    boot: "order=scsi0;net0",
    cores: "2",
    memory: "2048",
    meta: `creation-qemu=10.0.13,ctime=${options.ctime}`,
    name: options.name,
    net0: "virtio=BC:24:11:00:00:00,bridge=vmbr0",
    ostype: "l26",
    scsi0: `${store.id}:${volume},size=${sizeGib}G`,
    scsihw: "virtio-scsi-single",
    smbios1: `uuid=${randomUUID()}`,
    vmgenid: randomUUID(),
    ...(template ? { template: "1" } : {}),
    ...options.config,
  };
  return addVm(cluster, vmid, options.node, config);
}

/** Adds a VM with that configuration. */
export function addVm(cluster: Cluster, vmid: number, nodeName: string, config: Readonly<Record<string, string>>): Vm {
  const vm: Vm = {
    vmid,
    node: nodeName,
    config: new Map(Object.entries(config)),
    pending: new Map(),
    guest: { agent: false, obeysShutdown: true, addresses: [] },
  };
  cluster.vms.set(vmid, vm);
  return vm;
}
