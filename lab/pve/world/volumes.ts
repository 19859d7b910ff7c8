// Volumes on storages: names, allocation, listings.
import { badParameters, died } from "./errors";
import { volumesOn, type Cluster, type Storage, type Volume } from "./cluster";

/** A volume id taken apart. */
export interface VolumeId {
  readonly store: Storage;
  readonly name: string;
}

/** @throws PveError - 500: no such storage */
export function storageOf(cluster: Cluster, id: string): Storage {
  const store = cluster.storages.get(id);
  if (store === undefined) throw died(`storage '${id}' does not exist`);
  return store;
}

/** The same where the storage is a path variable of a node. */
export function storageOnNode(cluster: Cluster, id: string): Storage {
  const store = cluster.storages.get(id);
  if (store === undefined) throw badParameters({ storage: "No such storage." });
  return store;
}

/** `local:iso/a.iso` into storage and name. */
export function parseVolumeId(cluster: Cluster, volid: string): VolumeId {
  const at = volid.indexOf(":");
  if (at < 0) throw died(`unable to parse volume ID '${volid}'\n`.trimEnd());
  return { store: storageOf(cluster, volid.slice(0, at)), name: volid.slice(at + 1) };
}

/** The volume, if it is there. */
export function findVolume(cluster: Cluster, node: string, volid: string): Volume | undefined {
  const { store, name } = parseVolumeId(cluster, volid);
  return volumesOn(store, node).get(name);
}

/** @throws PveError - 500: not there */
export function needVolume(cluster: Cluster, node: string, volid: string): Volume {
  const volume = findVolume(cluster, node, volid);
  if (volume === undefined) throw died(`volume '${volid}' does not exist`);
  return volume;
}

/** A file that a storage takes by upload or download. */
export type FileKind = "iso" | "vztmpl" | "import";

const SUFFIX: Readonly<Record<FileKind, RegExp>> = {
  iso: /\.(iso|img)$/i,
  vztmpl: /\.tar\.(gz|xz|zst|bz2)$/i,
  import: /\.(ova|qcow2|raw|vmdk)$/i,
};

/** Whether a file of that kind may have that name. */
export function mayBeCalled(kind: FileKind, name: string): boolean {
  return SUFFIX[kind].test(name);
}

/** What a listing says of a file's format. */
export function fileFormat(kind: FileKind, name: string): string {
  return kind === "vztmpl" ? "tgz" : (/\.([a-z0-9]+)$/i.exec(name)?.[1] ?? "iso");
}

const FOLDERS: Readonly<Record<string, string>> = { iso: "iso", vztmpl: "cache" };

/** Where a volume is on its node. */
export function volumePath(store: Storage, name: string): string {
  if (store.type === "lvmthin") return `/dev/pve/${name}`;
  if (store.path === undefined) return `rbd:${store.id}/${name}`;
  const folder = name.replace(/^(iso|vztmpl)\//, (_all, kind: string) => `template/${FOLDERS[kind]}/`);
  return /^\d+\//.test(name) ? `${store.path}/images/${name}` : `${store.path}/${folder}`;
}

/** Bytes that are taken on a storage. */
export function usedOn(store: Storage, node: string): number {
  return [...volumesOn(store, node).values()].reduce((sum, { size }) => sum + size, 0);
}

function diskName(store: Storage, vmid: number, suffix: string, format: string): string {
  return store.path === undefined ? `vm-${vmid}-${suffix}` : `${vmid}/vm-${vmid}-${suffix}.${format}`;
}

/** What a new disk should be. */
export interface NewDisk {
  readonly store: Storage;
  readonly node: string;
  readonly vmid: number;
  readonly size: number;
  readonly ctime: number;
  readonly format?: string;
  /** Volume name of the base of a linked clone. */
  readonly parent?: string;
}

/**
 * Allocates the next free disk of a VM.
 *
 * @returns the volume's name on the storage
 * @throws PveError - the storage takes no images, or is full
 */
export function allocateDisk(disk: NewDisk): string {
  const { store, node, vmid } = disk;
  if (!store.content.includes("images")) throw died(`storage '${store.id}' does not support content-type 'images'`);
  if (store.full || usedOn(store, node) + disk.size > store.total)
    throw died(`unable to create image: no space left on storage '${store.id}'`);
  const format = store.path === undefined ? "raw" : (disk.format ?? "raw");
  const volumes = volumesOn(store, node);
  const taken = new Set([...volumes.keys()].map((name) => /vm-(\d+-disk-\d+)/.exec(name)?.[1]));
  let index = 0;
  while (taken.has(`${vmid}-disk-${index}`)) index += 1;
  const own = diskName(store, vmid, `disk-${index}`, format);
  // LVM-thin names no base in a linked clone's volume.
  const name = disk.parent !== undefined && store.type !== "lvmthin" ? `${disk.parent}/${own}` : own;
  const { size, ctime, parent } = disk;
  volumes.set(name, { content: "images", format, size, ctime, vmid, ...(parent === undefined ? {} : { parent }) });
  return name;
}

const SEED_BYTES = 4 * 1024 ** 2;

/** Allocates the cloud-init drive of a VM. */
export function allocateSeed(store: Storage, node: string, vmid: number, ctime: number): string {
  const format = store.path === undefined ? "raw" : "qcow2";
  const name = diskName(store, vmid, "cloudinit", format);
  const volumes = volumesOn(store, node);
  if (volumes.has(name)) throw died(`disk image '${volumePath(store, name)}' already exists`);
  if (store.full) throw died(`unable to create image: no space left on storage '${store.id}'`);
  volumes.set(name, { content: "images", format, size: SEED_BYTES, ctime, vmid });
  return name;
}

/** Frees a volume; one that is not there is no error. */
export function freeVolume(cluster: Cluster, node: string, volid: string): void {
  const { store, name } = parseVolumeId(cluster, volid);
  volumesOn(store, node).delete(name);
}

/** Every volume of a VM on a node. */
export function volumesOfVm(cluster: Cluster, node: string, vmid: number): string[] {
  return [...cluster.storages.values()].flatMap((store) =>
    [...volumesOn(store, node)].filter(([, volume]) => volume.vmid === vmid).map(([name]) => `${store.id}:${name}`),
  );
}

/** An entry of GET storage/{s}/content. */
export function contentEntry(store: Storage, name: string, volume: Volume): Record<string, unknown> {
  const { content, format, size, ctime, vmid, parent } = volume;
  const owned = vmid === undefined ? {} : { vmid, used: size, parent: parent ?? null };
  return { volid: `${store.id}:${name}`, content, format, size, ctime, ...owned };
}
