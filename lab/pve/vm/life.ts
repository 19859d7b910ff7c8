// Destroy, migrate, convert into a template.
import { seedDrive } from "./cloud-init";
import { volumesOn, type Vm } from "../world/cluster";
import { died } from "../world/errors";
import type { TaskContext } from "../world/tasks";
import { drives, isDisk, needUnlocked } from "./config";
import { volumeOf, withProperties } from "./drives";
import { vmInTask } from "./power";
import { freeVolume, parseVolumeId, storageOf, volumesOfVm } from "../world/volumes";
import type { World } from "../world/world";

/** What has to hold before there is a task. A lock in the configuration is not looked at. @throws PveError */
export function checkDestroy(vm: Vm): void {
  if (vm.config.get("protection") === "1") throw died(`can't remove VM ${vm.vmid} - protection mode enabled`);
  if (vm.running !== undefined) throw died(`VM ${vm.vmid} is running - destroy failed`);
}

/** The task of DELETE. */
export async function destroyWorker(
  world: World,
  request: { readonly node: string; readonly vmid: number; readonly unreferenced: boolean; readonly purge: boolean },
  context: TaskContext,
): Promise<void> {
  const { cluster, locks, times } = world;
  const release = await locks.acquire(request.vmid, "exclusive", times.lock);
  try {
    const vm = vmInTask(world, request.node, request.vmid);
    needUnlocked(vm);
    checkDestroy(vm);
    await context.work();
    const named = [...vm.config.values()].map(volumeOf).filter((volid) => volid !== undefined);
    const own = volumesOfVm(cluster, vm.node, vm.vmid);
    for (const volid of own.filter((one) => request.unreferenced || named.includes(one)))
      freeVolume(cluster, vm.node, volid);
    cluster.vms.delete(vm.vmid);
    for (const pool of cluster.pools.values()) pool.vms.delete(vm.vmid);
  } finally {
    release();
  }
}

/** A migration that is asked for. */
export interface MigrateRequest {
  readonly node: string;
  readonly vmid: number;
  readonly target: string;
  readonly storage?: string;
  readonly withLocalDisks: boolean;
  readonly online: boolean;
}

/** What has to hold before there is a task. @throws PveError */
export function checkMigrate(world: World, vm: Vm, request: MigrateRequest): void {
  if (!world.cluster.nodes.has(request.target)) throw died(`no such cluster node '${request.target}'`);
  if (request.target === request.node) throw died("target is local node.");
  if (vm.running !== undefined && !request.online) throw died("can't migrate running VM without --online");
  if (request.storage !== undefined) storageOf(world.cluster, request.storage);
}

function moveVolume(world: World, vm: Vm, target: string, volid: string, storageId: string | undefined): string {
  const from = parseVolumeId(world.cluster, volid);
  const volume = volumesOn(from.store, vm.node).get(from.name);
  if (volume === undefined) throw died(`volume '${volid}' does not exist`);
  const store = storageId === undefined || from.store.shared ? from.store : storageOf(world.cluster, storageId);
  if (store.full) throw died(`unable to create image: no space left on storage '${store.id}'`);
  const base = from.name.split("/").at(-1) ?? from.name;
  const plain = base.replace(/\.[a-z0-9]+$/, "");
  const name = store.path === undefined ? plain : `${vm.vmid}/${plain}.${volume.format}`;
  volumesOn(from.store, vm.node).delete(from.name);
  volumesOn(store, target).set(name, volume);
  return `${store.id}:${name}`;
}

/** The task of POST migrate. */
export async function migrateWorker(world: World, request: MigrateRequest, context: TaskContext): Promise<void> {
  const release = await world.locks.acquire(request.vmid, "exclusive", world.times.lock);
  try {
    const vm = vmInTask(world, request.node, request.vmid);
    needUnlocked(vm);
    const local = drives(vm.config).filter(
      ([key, one]) =>
        (isDisk(one) || key === seedDrive(vm.config)) &&
        !parseVolumeId(world.cluster, one.get("file") ?? "").store.shared,
    );
    if (local.some(([, one]) => isDisk(one)) && !request.withLocalDisks)
      throw died("migration aborted: can't migrate local disk without 'with-local-disks'");
    await context.work();
    for (const [key, properties] of local) {
      const volid = moveVolume(world, vm, request.target, properties.get("file") ?? "", request.storage);
      vm.config.set(key, withProperties(vm.config.get(key) ?? "", { file: volid }));
      context.log(`successfully imported '${volid}'`);
    }
    vm.node = request.target;
  } finally {
    release();
  }
}

/** The task of POST template: the disks become bases. */
export async function templateWorker(
  world: World,
  request: { readonly node: string; readonly vmid: number },
  context: TaskContext,
): Promise<void> {
  const vm = vmInTask(world, request.node, request.vmid);
  needUnlocked(vm);
  await context.work();
  for (const [key, properties] of drives(vm.config).filter(([, one]) => isDisk(one))) {
    const { store, name } = parseVolumeId(world.cluster, properties.get("file") ?? "");
    const volumes = volumesOn(store, vm.node);
    const volume = volumes.get(name);
    if (volume === undefined) continue;
    const base = name.replace(/vm-(\d+-disk)/, "base-$1");
    volumes.delete(name);
    volumes.set(base, volume);
    vm.config.set(key, withProperties(vm.config.get(key) ?? "", { file: `${store.id}:${base}` }));
  }
  vm.config.set("template", "1");
}
