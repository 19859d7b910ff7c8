// Drives and network cards in a configuration: what becomes of the values that are sent.
import { randomBytes } from "node:crypto";
import { GIB, volumesOn, type Cluster, type Vm, type Volume } from "../world/cluster";
import { seedDrive } from "./cloud-init";
import { NIC_MODELS } from "./config-schema";
import { died } from "../world/errors";
import { parseProperties, parseSize, printProperties, printSize } from "../api/property-string";
import {
  allocateDisk,
  allocateSeed,
  findVolume,
  needVolume,
  parseVolumeId,
  storageOf,
  volumePath,
} from "../world/volumes";

const NEW_SEED = /^([^:/\s]+):cloudinit$/;
const NEW_DISK = /^([^:/\s]+):(\d+(?:\.\d+)?)$/;

/** A MAC address of Proxmox's own range. */
export function newMac(): string {
  const tail = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["BC", "24", "11", ...tail].join(":").toUpperCase();
}

/** `model=virtio,bridge=vmbr0` as it is kept; without an address it gets a new one. */
export function keptNic(value: string): string {
  const given = parseProperties(value, "model");
  const model = given.get("model") ?? NIC_MODELS.find((name) => given.has(name)) ?? "virtio";
  const mac = (given.get("macaddr") ?? given.get(model) ?? newMac()).toUpperCase();
  const rest = [...given].filter(([key]) => key !== "model" && key !== "macaddr" && key !== model);
  return printProperties(new Map([["", `${model}=${mac}`], ...rest]), "");
}

/** Whether a value asks for a new cloud-init drive. */
export function asksForSeed(value: string): boolean {
  return NEW_SEED.test(parseProperties(value).get("file") ?? "");
}

/**
 * What has to hold before anything is changed.
 *
 * @throws PveError - storage or volume missing, a second cloud-init drive
 */
export function checkDrive(cluster: Cluster, vm: Vm, key: string, value: string): void {
  const file = parseProperties(value).get("file") ?? "";
  const fresh = NEW_SEED.exec(file) ?? NEW_DISK.exec(file);
  if (fresh !== null) storageOf(cluster, fresh[1] ?? "");
  else if (file.includes(":")) needVolume(cluster, vm.node, file);
  const present = seedDrive(vm.config);
  if (asksForSeed(value) && present !== undefined && present !== key)
    throw died(`${key} - cloud-init drive is already attached at '${present}'`);
}

/** @throws PveError - 500: the image is not there */
function needImage(cluster: Cluster, vm: Vm, source: string): Volume {
  const { store, name } = parseVolumeId(cluster, source);
  const volume = volumesOn(store, vm.node).get(name);
  if (volume === undefined) throw died(`failed to stat '${volumePath(store, name)}'`);
  return volume;
}

/** Allocates what is asked for and prints the drive as Proxmox keeps it. */
export function keptDrive(cluster: Cluster, vm: Vm, value: string, ctime: number): string {
  const properties = parseProperties(value);
  const file = properties.get("file") ?? "";
  const [, seedStore] = NEW_SEED.exec(file) ?? [];
  if (seedStore !== undefined) {
    const name = allocateSeed(storageOf(cluster, seedStore), vm.node, vm.vmid, ctime);
    return printProperties(
      new Map([
        ["file", `${seedStore}:${name}`],
        ["media", "cdrom"],
      ]),
    );
  }
  const [, diskStore, gib] = NEW_DISK.exec(file) ?? [];
  if (diskStore !== undefined) {
    const store = storageOf(cluster, diskStore);
    const source = properties.get("import-from");
    const image = source === undefined ? undefined : needImage(cluster, vm, source);
    const size = image?.virtualSize ?? image?.size ?? Number(gib) * GIB;
    const format = properties.get("format") ?? image?.format;
    const name = allocateDisk({ store, node: vm.node, vmid: vm.vmid, size, ctime, format });
    properties.set("file", `${diskStore}:${name}`).set("size", printSize(size)).delete("format");
    properties.delete("import-from");
    return printProperties(properties);
  }
  if (!file.includes(":")) return printProperties(properties);
  const volume = needVolume(cluster, vm.node, file);
  if (!/vm-\d+-cloudinit/.test(file)) properties.set("size", printSize(volume.size));
  return printProperties(properties);
}

/** The volume of a drive, if it has one of its own. */
export function volumeOf(value: string): string | undefined {
  const file = parseProperties(value).get("file");
  return file?.includes(":") === true ? file : undefined;
}

/** Whether a drive's volume is a disk that belongs to the VM. */
export function ownsDisk(cluster: Cluster, vm: Vm, value: string): boolean {
  const volid = volumeOf(value);
  if (volid === undefined || /vm-\d+-cloudinit/.test(volid)) return false;
  const volume = findVolume(cluster, vm.node, volid);
  return volume?.content === "images" && volume.vmid === vm.vmid;
}

/** A drive's size in bytes. */
export function driveSize(value: string): number {
  return parseSize(parseProperties(value).get("size") ?? "0") ?? 0;
}

/** The drive with another volume or size. */
export function withProperties(value: string, changes: Readonly<Record<string, string | undefined>>): string {
  const properties = parseProperties(value);
  for (const [key, text] of Object.entries(changes)) {
    if (text === undefined) properties.delete(key);
    else properties.set(key, text);
  }
  return printProperties(properties);
}
