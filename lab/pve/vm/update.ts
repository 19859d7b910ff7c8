// PUT config: checks, values as Proxmox keeps them, what takes effect at once and what waits for the next start.
import type { UserId } from "../world/auth";
import { checkFor, isTrue } from "../api/checks";
import { buildSeed } from "./cloud-init";
import { CONFIG_KEYS, isDrive } from "./config-schema";
import type { Cluster, Vm } from "../world/cluster";
import { badParameters, died } from "../world/errors";
import { parseProperties } from "../api/property-string";
import { digestOf, needUnlocked, vmOn, withPending } from "./config";
import { asksForSeed, checkDrive, keptDrive, keptNic, ownsDisk, volumeOf } from "./drives";
import { needConfigRight } from "./rights";
import { freeVolume } from "../world/volumes";
import type { World } from "../world/world";

/** What is asked for. */
export interface Update {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
  readonly digest?: string;
}

const NO_OPTIONS = new Set([
  "delete",
  "digest",
  "force",
  "skiplock",
  "revert",
  "background_delay",
  "import-working-storage",
]);

/** Takes the parameters of a call apart. */
export function readUpdate(parameters: ReadonlyMap<string, string>): Update {
  const set = new Map([...parameters].filter(([key]) => !NO_OPTIONS.has(key)));
  const remove = (parameters.get("delete") ?? "").split(/[,; ]+/).filter((key) => key !== "");
  for (const key of remove) {
    if (checkFor(CONFIG_KEYS, key) === undefined) throw badParameters({ delete: `unknown option '${key}'` });
    if (set.has(key)) throw badParameters({ delete: `you can't use '-${key}' and -delete ${key}' at the same time` });
  }
  if (set.size === 0 && remove.length === 0) throw died("no options specified");
  return { set, remove, digest: parameters.get("digest") };
}

const AT_ONCE = new Set([
  ...["description", "hookscript", "lock", "migrate_downtime", "migrate_speed", "name", "onboot", "protection"],
  ...["shares", "startup", "tags", "vmstatestorage", "nameserver", "searchdomain", "sshkeys"],
]);

function takesEffectAtOnce(vm: Vm, key: string, value: string | null): boolean {
  if (vm.running === undefined || AT_ONCE.has(key)) return true;
  if (/^(net\d+|ipconfig\d+|ci[a-z]+)$/.test(key)) return true;
  if (!isDrive(key)) return false;
  const before = vm.config.get(key);
  if (before === undefined) return /^(scsi|virtio)\d+$/.test(key);
  if (value === null) return /^(scsi|virtio)\d+$/.test(key);
  return !COLD_DRIVE_KEYS.some((cold) => parseProperties(before).get(cold) !== parseProperties(value).get(cold));
}

// A changed CD is put in at once; these properties are fixed when QEMU starts.
const COLD_DRIVE_KEYS = ["aio", "cache", "iothread", "ssd", "ro", "serial", "queues", "detect_zeroes"];

function keptValue(world: World, vm: Vm, key: string, value: string): string {
  if (key === "tags") {
    const tags = value.split(/[;, ]+/).filter((tag) => tag !== "");
    return [...new Set(tags.map((tag) => tag.toLowerCase()))].sort().join(";");
  }
  if (/^net\d+$/.test(key)) return keptNic(value);
  if (isDrive(key)) return keptDrive(world.cluster, vm, value, Math.floor(world.clock.now() / 1000));
  return checkFor(CONFIG_KEYS, key)?.type === "boolean" ? (isTrue(value) ? "1" : "0") : value;
}

function bootOrder(config: ReadonlyMap<string, string>): string[] {
  return /order=([^,]*)/.exec(config.get("boot") ?? "")?.[1]?.split(";") ?? [];
}

/** A new CD is appended to the boot order, a deleted drive leaves it; a cloud-init drive is never in it. */
function keepBootOrder(vm: Vm, key: string, value: string | null): void {
  const order = bootOrder(vm.config);
  if (order.length === 0) return;
  const isCd = value !== null && parseProperties(value).get("media") === "cdrom" && !/vm-\d+-cloudinit/.test(value);
  const next = value === null ? order.filter((other) => other !== key) : isCd ? [...new Set([...order, key])] : order;
  if (next.join() !== order.join()) vm.config.set("boot", `order=${next.join(";")}`);
}

function keepAsUnused(cluster: Cluster, vm: Vm, value: string): void {
  const volid = volumeOf(value);
  if (volid === undefined) return;
  if (/vm-\d+-cloudinit/.test(volid)) freeVolume(cluster, vm.node, volid);
  if (!ownsDisk(cluster, vm, value)) return;
  let index = 0;
  while (vm.config.has(`unused${index}`)) index += 1;
  vm.config.set(`unused${index}`, volid);
}

/** Puts one change into the configuration: what a start does with what is pending. */
export function applyChange(cluster: Cluster, vm: Vm, key: string, value: string | null): void {
  const before = vm.config.get(key);
  if (isDrive(key)) {
    keepBootOrder(vm, key, value);
    if (before !== undefined && (value === null || volumeOf(before) !== volumeOf(value)))
      keepAsUnused(cluster, vm, before);
  }
  if (value === null && key.startsWith("unused") && before !== undefined)
    freeVolume(cluster, vm.node, volumeOf(before) ?? "");
  vm.pending.delete(key);
  if (value === null) vm.config.delete(key);
  else vm.config.set(key, value);
}

/** What is pending becomes the configuration. */
export function applyPending(cluster: Cluster, vm: Vm): void {
  for (const [key, value] of [...vm.pending]) applyChange(cluster, vm, key, value);
}

function change(world: World, vm: Vm, key: string, value: string | null): void {
  if (value === null && !vm.config.has(key) && !vm.pending.has(key)) return;
  if (takesEffectAtOnce(vm, key, value)) {
    applyChange(world.cluster, vm, key, value);
    return;
  }
  if (value !== null && vm.config.get(key) === value) vm.pending.delete(key);
  else vm.pending.set(key, value);
}

/** A running VM's boot disk cannot be taken out: refused, and pending all the same. */
function refuseUnplug(vm: Vm, remove: readonly string[]): void {
  if (vm.running === undefined) return;
  const boot = bootOrder(vm.config).find((key) => /^(scsi|virtio|sata|ide)\d+$/.test(key));
  for (const key of remove) {
    if (key !== boot || !vm.config.has(key)) continue;
    vm.pending.set(key, null);
    throw badParameters({ [key]: `hotplug problem - can't unplug bootdisk '${key}'\n` });
  }
}

function checkBefore(world: World, user: UserId, vm: Vm, update: Update): void {
  const { cluster } = world;
  for (const key of update.remove) needConfigRight(cluster, user, vm.vmid, key, withPending(vm).get(key));
  for (const [key, value] of update.set) needConfigRight(cluster, user, vm.vmid, key, value);
  if (update.digest !== undefined && update.digest !== digestOf(vm))
    throw died("checksum mismatch (file change by other user?)");
  needUnlocked(vm);
  for (const [key, value] of update.set) if (isDrive(key)) checkDrive(cluster, vm, key, value);
}

/**
 * Changes a VM's configuration.
 *
 * @throws PveError - nothing is changed, but for a cloud-init drive whose snippets are missing
 */
export async function updateVm(
  world: World,
  user: UserId,
  place: { readonly node: string; readonly vmid: number },
  update: Update,
): Promise<void> {
  needUnlocked(vmOn(world.cluster, place.node, place.vmid));
  const release = await world.locks.acquire(place.vmid, "exclusive", world.times.lock);
  try {
    const vm = vmOn(world.cluster, place.node, place.vmid);
    checkBefore(world, user, vm, update);
    for (const key of update.remove) if (key !== bootOrder(vm.config)[0]) change(world, vm, key, null);
    refuseUnplug(vm, update.remove);
    for (const key of update.remove) change(world, vm, key, null);
    const fresh = [...update.set].some(([key, value]) => isDrive(key) && asksForSeed(value));
    const kept = [...update.set].map(([key, value]) => [key, keptValue(world, vm, key, value)] as const);
    // The drive's file is there before the seed is written on it, and stays when that fails.
    if (fresh) buildSeed(world.cluster, vm, new Map([...withPending(vm), ...kept]));
    for (const [key, value] of kept) change(world, vm, key, value);
  } finally {
    release();
  }
}
