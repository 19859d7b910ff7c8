// Resize and move of a VM's disks.
import { volumesOn, type Vm } from "../world/cluster";
import { died } from "../world/errors";
import { parseSize, printSize } from "../api/property-string";
import type { TaskContext } from "../world/tasks";
import { needUnlocked, withPending } from "./config";
import { driveSize, volumeOf, withProperties } from "./drives";
import { vmInTask } from "./power";
import { allocateDisk, freeVolume, parseVolumeId, storageOf } from "../world/volumes";
import type { World } from "../world/world";

/** Writes a drive where its value is: in the configuration, and in what is pending. */
function rewrite(vm: Vm, disk: string, changes: Readonly<Record<string, string | undefined>>): void {
  const now = vm.config.get(disk);
  const pending = vm.pending.get(disk);
  if (now !== undefined) vm.config.set(disk, withProperties(now, changes));
  if (typeof pending === "string") vm.pending.set(disk, withProperties(pending, changes));
}

function needDisk(vm: Vm, disk: string): string {
  const value = withPending(vm).get(disk);
  if (value === undefined) throw died(`disk '${disk}' does not exist`);
  return value;
}

/** The task of PUT resize. */
export async function resizeWorker(
  world: World,
  request: { readonly node: string; readonly vmid: number; readonly disk: string; readonly size: string },
  context: TaskContext,
): Promise<void> {
  if (!world.cluster.vms.has(request.vmid))
    throw died(`Configuration file 'nodes/${request.node}/qemu-server/${request.vmid}.conf' does not exist`);
  const release = await world.locks.acquire(request.vmid, "exclusive", world.times.lock);
  try {
    const vm = vmInTask(world, request.node, request.vmid);
    needUnlocked(vm);
    const value = needDisk(vm, request.disk);
    await context.work();
    const { store, name } = parseVolumeId(world.cluster, volumeOf(value) ?? "");
    const volume = volumesOn(store, vm.node).get(name);
    if (volume === undefined) throw died(`volume '${store.id}:${name}' does not exist`);
    const asked = parseSize(request.size.replace(/^\+/, "")) ?? 0;
    const size = request.size.startsWith("+") ? volume.size + asked : asked;
    if (size < volume.size) throw died("shrinking disks is not supported");
    if (store.full && size > volume.size) throw died(`unable to resize image: no space left on storage '${store.id}'`);
    volume.size = size;
    rewrite(vm, request.disk, { size: printSize(size) });
  } finally {
    release();
  }
}

/** A move that is asked for. */
export interface MoveRequest {
  readonly node: string;
  readonly vmid: number;
  readonly disk: string;
  readonly storage: string;
  readonly format?: string;
  readonly deleteOriginal: boolean;
}

/** What has to hold before there is a task. @throws PveError */
export function checkMove(world: World, vm: Vm, request: MoveRequest): void {
  storageOf(world.cluster, request.storage);
  needUnlocked(vm);
  const volid = volumeOf(needDisk(vm, request.disk));
  if (volid === undefined) throw died(`disk '${request.disk}' has no associated volume`);
  const { store } = parseVolumeId(world.cluster, volid);
  if (store.id === request.storage && request.format === undefined)
    throw died("you can't move to the same storage with same format");
}

/** The task of POST move_disk. */
export async function moveWorker(world: World, request: MoveRequest, context: TaskContext): Promise<void> {
  const release = await world.locks.acquire(request.vmid, "exclusive", world.times.lock);
  try {
    const vm = vmInTask(world, request.node, request.vmid);
    const value = needDisk(vm, request.disk);
    const from = volumeOf(value) ?? "";
    context.log(`create full clone of drive ${request.disk} (${from})`);
    await context.work();
    const store = storageOf(world.cluster, request.storage);
    const ctime = Math.floor(world.clock.now() / 1000);
    const size = driveSize(value);
    const { format } = request;
    const name = allocateDisk({ store, node: vm.node, vmid: vm.vmid, size, ctime, format });
    rewrite(vm, request.disk, { file: `${store.id}:${name}`, format: undefined });
    if (request.deleteOriginal) freeVolume(world.cluster, vm.node, from);
    else vm.config.set(`unused0`, from);
  } finally {
    release();
  }
}
