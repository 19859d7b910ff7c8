// Start, stop, shutdown, reboot.
import { sleep } from "../world/clock";
import { buildSeed, seedDrive } from "./cloud-init";
import type { Vm } from "../world/cluster";
import { died } from "../world/errors";
import { parseProperties } from "../api/property-string";
import type { TaskContext } from "../world/tasks";
import { needUnlocked } from "./config";
import { applyPending } from "./update";
import { needVolume } from "../world/volumes";
import type { World } from "../world/world";

/** The VM in a task, whose text differs from the API's. @throws PveError */
export function vmInTask(world: World, node: string, vmid: number): Vm {
  const vm = world.cluster.vms.get(vmid);
  if (vm === undefined || vm.node !== node)
    throw died(`unable to find configuration file for VM ${vmid} on node '${node}'`);
  return vm;
}

async function locked<T>(world: World, vmid: number, work: () => Promise<T>): Promise<T> {
  const release = await world.locks.acquire(vmid, "exclusive", world.times.lock);
  try {
    return await work();
  } finally {
    release();
  }
}

function checkHardware(world: World, vm: Vm): void {
  const { cluster } = world;
  for (const [key, value] of vm.config) {
    const properties = parseProperties(value, /^net/.test(key) ? "model" : "file");
    const bridge = properties.get("bridge");
    if (/^net\d+$/.test(key) && bridge !== undefined && cluster.nodes.get(vm.node)?.bridges.includes(bridge) !== true)
      throw died(`bridge '${bridge}' does not exist`);
    const file = properties.get("file");
    if (/^(ide|sata|scsi|virtio)\d+$/.test(key) && file?.includes(":") === true) needVolume(cluster, vm.node, file);
  }
}

function powerOn(world: World, vm: Vm, context: TaskContext): void {
  applyPending(world.cluster, vm);
  checkHardware(world, vm);
  if (seedDrive(vm.config) !== undefined) context.log("generating cloud-init ISO");
  buildSeed(world.cluster, vm, vm.config);
  vm.running = { since: world.clock.now(), pid: world.tasks.nextPid() };
}

function powerOff(world: World, vm: Vm): void {
  vm.running = undefined;
  applyPending(world.cluster, vm);
}

/** The task of POST status/start. */
export async function startWorker(world: World, node: string, vmid: number, context: TaskContext): Promise<void> {
  if (!world.cluster.vms.has(vmid))
    throw died(`Configuration file 'nodes/${node}/qemu-server/${vmid}.conf' does not exist`);
  await locked(world, vmid, async () => {
    const vm = vmInTask(world, node, vmid);
    needUnlocked(vm);
    if (vm.config.get("template") === "1") throw died("you can't start a vm if it's a template");
    if (vm.running !== undefined) throw died(`VM ${vmid} already running`);
    await context.work();
    powerOn(world, vm, context);
  });
}

/** Shutdowns that wait, by VM: a stop that overrules interrupts them. */
const waiting = new WeakMap<World, Map<number, () => void>>();

function waitingIn(world: World): Map<number, () => void> {
  const known = waiting.get(world) ?? new Map<number, () => void>();
  waiting.set(world, known);
  return known;
}

/** The task of POST status/stop. */
export async function stopWorker(
  world: World,
  place: { readonly node: string; readonly vmid: number; readonly overrule: boolean },
  context: TaskContext,
): Promise<void> {
  vmInTask(world, place.node, place.vmid);
  if (place.overrule) waitingIn(world).get(place.vmid)?.();
  await locked(world, place.vmid, async () => {
    const vm = vmInTask(world, place.node, place.vmid);
    await context.work();
    if (vm.running !== undefined) powerOff(world, vm);
  });
}

/** What a shutdown may be told. */
export interface ShutdownRequest {
  readonly node: string;
  readonly vmid: number;
  readonly seconds: number;
  readonly force: boolean;
}

async function interruptible(world: World, vmid: number, ms: number): Promise<void> {
  const waits = waitingIn(world);
  await new Promise<void>((resolve, reject) => {
    const cancel = world.clock.after(ms, resolve);
    waits.set(vmid, () => {
      cancel();
      reject(died("received interrupt"));
    });
  }).finally(() => waits.delete(vmid));
}

async function shutDown(world: World, vm: Vm, request: ShutdownRequest, context: TaskContext): Promise<void> {
  if (/^(1|enabled=1)/.test(vm.config.get("agent") ?? "") && !vm.guest.agent) {
    context.log(`QEMU Guest Agent is not running - VM ${vm.vmid} qga command 'guest-ping' failed - got timeout`);
    await sleep(world.clock, world.times.agent);
  }
  if (vm.guest.obeysShutdown) {
    await context.work();
    powerOff(world, vm);
    return;
  }
  await interruptible(world, vm.vmid, request.seconds * world.times.second);
  if (!request.force) throw died("VM quit/powerdown failed - got timeout");
  context.log("VM still running - terminating now with SIGTERM");
  powerOff(world, vm);
}

/** The task of POST status/shutdown. */
export async function shutdownWorker(world: World, request: ShutdownRequest, context: TaskContext): Promise<void> {
  await locked(world, request.vmid, async () => {
    const vm = vmInTask(world, request.node, request.vmid);
    needUnlocked(vm);
    if (vm.running !== undefined) await shutDown(world, vm, request, context);
  });
}

/** The task of POST status/reboot: a shutdown, and what was pending is there at the start after it. */
export async function rebootWorker(world: World, request: ShutdownRequest, context: TaskContext): Promise<void> {
  await locked(world, request.vmid, async () => {
    const vm = vmInTask(world, request.node, request.vmid);
    await shutDown(world, vm, request, context);
    powerOn(world, vm, context);
  });
}
