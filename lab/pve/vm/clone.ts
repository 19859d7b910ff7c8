// Clone: full or linked, on the node or to another one on shared storage.
import { randomUUID } from "node:crypto";
import { mayAny, needAny, type UserId } from "../world/auth";
import { isTrue } from "../api/checks";
import { addVm, volumesOn, type Vm } from "../world/cluster";
import { died, PveError } from "../world/errors";
import { parseProperties, printProperties, printSize } from "../api/property-string";
import type { TaskContext } from "../world/tasks";
import { drives, isDisk, needUnlocked } from "./config";
import { keptNic, withProperties } from "./drives";
import { allocateDisk, parseVolumeId, storageOf } from "../world/volumes";
import type { World } from "../world/world";

/** A clone that is asked for. */
export interface CloneRequest {
  readonly source: Vm;
  readonly newid: number;
  readonly target: string;
  readonly full: boolean;
  readonly storage?: string;
  readonly format?: string;
  readonly name?: string;
  readonly description?: string;
  readonly pool?: string;
}

function alreadyExists(vmid: number): Error {
  return died(`unable to create VM ${vmid}: config file already exists`);
}

/** Reads the parameters of POST clone. @throws PveError */
export function readClone(world: World, node: string, vmid: number, given: ReadonlyMap<string, string>): CloneRequest {
  const { cluster } = world;
  const source = cluster.vms.get(vmid);
  if (source === undefined || source.node !== node)
    throw died(`unable to find configuration file for VM ${vmid} on node '${node}'`);
  const target = given.get("target") ?? node;
  if (!cluster.nodes.has(target)) throw died(`no such cluster node '${target}'`);
  const full = given.has("full") ? isTrue(given.get("full")) : source.config.get("template") !== "1";
  const optional = Object.fromEntries(
    ["storage", "format", "name", "description", "pool"].map((key) => [key, given.get(key)]),
  );
  return { source, newid: Number(given.get("newid")), target, full, ...optional };
}

/** @throws PveError - 403 */
export function needCloneRights(world: World, user: UserId, request: CloneRequest): void {
  const { cluster } = world;
  const { source, newid, pool, storage } = request;
  needAny(cluster, user, `/vms/${source.vmid}`, "VM.Clone");
  const mayAllocate =
    mayAny(cluster, user, `/vms/${newid}`, ["VM.Allocate"]) ||
    (pool !== undefined && mayAny(cluster, user, `/pool/${pool}`, ["VM.Allocate"]));
  if (!mayAllocate) throw new PveError(403, "Permission check failed");
  for (const [, properties] of drives(source.config).filter(([, one]) => isDisk(one))) {
    const own = (properties.get("file") ?? "").split(":")[0] ?? "";
    needAny(cluster, user, `/storage/${storage ?? own}`, "Datastore.AllocateSpace");
  }
  for (const [key, value] of source.config) {
    if (!/^net\d+$/.test(key)) continue;
    const bridge = parseProperties(value, "model").get("bridge") ?? "";
    needAny(cluster, user, `/sdn/zones/localnetwork/${bridge}`, "SDN.Use");
  }
}

/** What has to hold before there is a task. @throws PveError */
export function checkClone(world: World, request: CloneRequest): void {
  const { cluster } = world;
  const { source, newid, storage, full, target, pool } = request;
  if (storage !== undefined) storageOf(cluster, storage);
  if (cluster.vms.has(newid)) throw alreadyExists(newid);
  if (pool !== undefined && !cluster.pools.has(pool)) throw died(`pool '${pool}' does not exist`);
  needUnlocked(source);
  if (!full && source.config.get("template") !== "1")
    throw died(`Linked clone feature is not supported for drive 'scsi0'`);
  if (target === source.node) return;
  for (const [key, properties] of drives(source.config).filter(([, one]) => isDisk(one))) {
    const { store } = parseVolumeId(cluster, properties.get("file") ?? "");
    if (!store.shared) throw died(`can't clone VM to node '${target}' (VM uses local storage)`.trim() + ` (${key})`);
  }
}

function cloneDrive(world: World, request: CloneRequest, context: TaskContext, key: string, value: string): string {
  const { cluster, clock } = world;
  const { source, newid, target, full } = request;
  const volid = parseProperties(value).get("file") ?? "";
  const from = parseVolumeId(cluster, volid);
  const volume = volumesOn(from.store, source.node).get(from.name);
  if (volume === undefined) throw died(`volume '${volid}' does not exist`);
  const store = full && request.storage !== undefined ? storageOf(cluster, request.storage) : from.store;
  context.log(`create ${full ? "full" : "linked"} clone of drive ${key} (${volid})`);
  const name = allocateDisk({
    store,
    node: target,
    vmid: newid,
    size: volume.size,
    ctime: Math.floor(clock.now() / 1000),
    format: full ? (request.format ?? volume.format) : volume.format,
    ...(full ? {} : { parent: from.name }),
  });
  const gib = (volume.size / 1024 ** 3).toFixed(1);
  if (full) context.log(`transferred ${gib} GiB of ${gib} GiB (100.00%)`);
  return withProperties(value, { file: `${store.id}:${name}`, size: printSize(volume.size), format: undefined });
}

function clonedConfig(world: World, request: CloneRequest, context: TaskContext): Map<string, string> {
  const { source, newid } = request;
  const config = new Map<string, string>();
  for (const [key, value] of source.config) {
    if (key === "template" || key === "lock" || key.startsWith("unused") || key === "description") continue;
    const isOwn = drives(new Map([[key, value]])).some(([, properties]) => isDisk(properties));
    if (isOwn) config.set(key, cloneDrive(world, request, context, key, value));
    else if (/^net\d+$/.test(key)) config.set(key, keptNic(value.replace(/=(?:[0-9A-F]{2}:){5}[0-9A-F]{2}/i, "")));
    else if (/vm-\d+-cloudinit/.test(value)) config.set(key, value.replaceAll(String(source.vmid), String(newid)));
    else config.set(key, value);
  }
  const smbios = parseProperties(source.config.get("smbios1") ?? "", "uuid").set("uuid", randomUUID());
  config.set("smbios1", printProperties(smbios, ""));
  config.set("vmgenid", randomUUID());
  config.set("name", request.name ?? `Copy-of-VM-${source.config.get("name") ?? `VM-${source.vmid}`}`);
  const description = request.description ?? source.config.get("description");
  if (description !== undefined) config.set("description", description);
  return config;
}

/** The task of a clone. */
export async function cloneWorker(world: World, request: CloneRequest, context: TaskContext): Promise<void> {
  const { cluster, locks, times } = world;
  const { source, newid, target } = request;
  if (cluster.vms.has(newid)) throw alreadyExists(newid);
  const marker = { lock: "clone", description: " qmclone temporary file" };
  const vm = addVm(cluster, newid, target, marker);
  const releaseNew = await locks.acquire(newid, "exclusive", times.lock);
  try {
    const running = source.running !== undefined;
    const wait = running ? times.runningSourceLock : times.lock;
    const release = await locks.acquire(source.vmid, running ? "exclusive" : "shared", wait);
    try {
      await context.work();
      const config = clonedConfig(world, request, context);
      vm.config.clear();
      for (const [key, value] of config) vm.config.set(key, value);
      if (request.pool !== undefined) cluster.pools.get(request.pool)?.vms.add(newid);
    } finally {
      release();
    }
  } catch (error) {
    removeRemains(world, vm);
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  } finally {
    releaseNew();
  }
}

/** Takes a VM away that could not be made, with its disks. */
export function removeRemains(world: World, vm: Vm): void {
  for (const store of world.cluster.storages.values())
    for (const [name, volume] of volumesOn(store, vm.node))
      if (volume.vmid === vm.vmid) volumesOn(store, vm.node).delete(name);
  world.cluster.vms.delete(vm.vmid);
}
