// The VMs' part of the API.
import { mayAny, needAny } from "../world/auth";
import { isTrue, type Parameters } from "../api/checks";
import { addVm } from "../world/cluster";
import { CONFIG_KEYS } from "../vm/config-schema";
import { died } from "../world/errors";
import * as f from "../api/formats";
import { GUEST_ROUTES } from "./guest";
import type { Call, Route } from "../api/router";
import { checkClone, cloneWorker, needCloneRights, readClone } from "../vm/clone";
import { CREATE_ROUTES } from "../vm/create";
import { configAnswer, pendingAnswer, sizes, statusAnswer } from "../vm/config";
import { checkMove, moveWorker, resizeWorker } from "../vm/disks";
import { checkDestroy, checkMigrate, destroyWorker, migrateWorker, templateWorker } from "../vm/life";
import { rebootWorker, shutdownWorker, startWorker, stopWorker } from "../vm/power";
import { needAnyConfigRight } from "../vm/rights";
import { audit, needVmRight, task, theVm, VM } from "./vm-route";
import { readUpdate, updateVm } from "../vm/update";

const CLONE: Parameters = {
  newid: f.required(f.vmid),
  name: f.dnsName,
  description: f.text,
  pool: f.poolId,
  snapname: f.text,
  storage: f.storageId,
  format: f.oneOf("raw", "qcow2", "vmdk"),
  full: f.bool,
  target: f.nodeName,
  bwlimit: f.int(0),
};

function addStranger({ world, node }: Call, vmid: number): void {
  const config = { name: "stranger", cores: "1", memory: "512", net0: "virtio=BC:24:11:0A:0B:0C,bridge=vmbr0" };
  addVm(world.cluster, vmid, node, config);
}

function clone(call: Call): string {
  const { world, node, vmid, given } = call;
  const request = readClone(world, node, vmid, given);
  needCloneRights(world, call.user, request);
  const race = world.faults.take(["vmid-race"], String(request.newid));
  if (race?.at === "request") addStranger(call, request.newid);
  checkClone(world, request);
  if (race?.at === "task") addStranger(call, request.newid);
  return task(call, "qmclone", (context) => cloneWorker(world, request, context));
}

/** Without rights the 403 comes before anything that would tell whether the VM exists. */
function clonePermission({ world, user, vmid }: Call): void {
  needAny(world.cluster, user, `/vms/${vmid}`, "VM.Clone");
}

function shutdownRequest({ node, vmid, given }: Call, force: boolean) {
  return { node, vmid, seconds: Number(given.get("timeout") ?? 180), force };
}

function reboot(call: Call): string {
  if (theVm(call).running === undefined) throw died(`VM ${call.vmid} not running`);
  return task(call, "qmreboot", (context) => rebootWorker(call.world, shutdownRequest(call, true), context));
}

async function stop(call: Call): Promise<string> {
  const overrule = isTrue(call.given.get("overrule-shutdown"));
  return task(call, "qmstop", (context) =>
    stopWorker(call.world, { node: call.node, vmid: call.vmid, overrule }, context),
  );
}

const power = needVmRight("VM.PowerMgmt");

const TIMEOUT = { timeout: f.int(0), skiplock: f.bool };

const POWER: Route[] = [
  {
    method: "GET",
    path: `${VM}/status/current`,
    parameters: {},
    permission: audit,
    handle: (call) => statusAnswer(theVm(call), call.world.clock.now()),
  },
  {
    method: "POST",
    path: `${VM}/status/start`,
    parameters: { ...TIMEOUT, stateuri: f.text, migratedfrom: f.nodeName, machine: f.text, "force-cpu": f.text },
    permission: power,
    handle: (call) => task(call, "qmstart", (context) => startWorker(call.world, call.node, call.vmid, context)),
  },
  {
    method: "POST",
    path: `${VM}/status/stop`,
    parameters: { ...TIMEOUT, keepActive: f.bool, migratedfrom: f.nodeName, "overrule-shutdown": f.bool },
    permission: power,
    handle: stop,
  },
  {
    method: "POST",
    path: `${VM}/status/shutdown`,
    parameters: { ...TIMEOUT, keepActive: f.bool, forceStop: f.bool },
    permission: power,
    handle: (call) => {
      const request = shutdownRequest(call, isTrue(call.given.get("forceStop")));
      return task(call, "qmshutdown", (context) => shutdownWorker(call.world, request, context));
    },
  },
  { method: "POST", path: `${VM}/status/reboot`, parameters: { timeout: f.int(0) }, permission: power, handle: reboot },
];

const UPDATE: Parameters = {
  ...CONFIG_KEYS,
  delete: f.text,
  digest: { type: "string", maxLength: 40 },
  force: f.bool,
  skiplock: f.bool,
  revert: f.text,
};

async function putConfig(call: Call): Promise<null> {
  const own = new Map([...call.given].filter(([key]) => key !== "node" && key !== "vmid"));
  await updateVm(call.world, call.user, call, readUpdate(own));
  return null;
}

function putConfigPermission({ world, user, vmid }: Call): void {
  needAnyConfigRight(world.cluster, user, vmid);
}

function resize(call: Call): string {
  const { world, node, vmid, given } = call;
  const request = { node, vmid, disk: given.get("disk") ?? "", size: given.get("size") ?? "" };
  return task(call, "resize", (context) => resizeWorker(world, request, context));
}

function move(call: Call): string {
  const { world, node, vmid, given } = call;
  const request = {
    node,
    vmid,
    disk: given.get("disk") ?? "",
    storage: given.get("storage") ?? "",
    format: given.get("format"),
    deleteOriginal: isTrue(given.get("delete")),
  };
  checkMove(world, theVm(call), request);
  return task(call, "qmmove", (context) => moveWorker(world, request, context));
}

const CONFIG: Route[] = [
  {
    method: "GET",
    path: `${VM}/config`,
    parameters: { current: f.bool, snapshot: f.text },
    permission: audit,
    handle: (call) => configAnswer(theVm(call), isTrue(call.given.get("current"))),
  },
  { method: "PUT", path: `${VM}/config`, parameters: UPDATE, permission: putConfigPermission, handle: putConfig },
  {
    method: "GET",
    path: `${VM}/pending`,
    parameters: {},
    permission: audit,
    handle: (call) => pendingAnswer(theVm(call)),
  },
  {
    method: "PUT",
    path: `${VM}/resize`,
    parameters: { disk: f.required(f.text), size: f.required(f.diskSize), skiplock: f.bool, digest: f.text },
    permission: needVmRight("VM.Config.Disk"),
    handle: resize,
  },
  {
    method: "POST",
    path: `${VM}/move_disk`,
    parameters: {
      disk: f.required(f.text),
      storage: f.storageId,
      format: f.oneOf("raw", "qcow2", "vmdk"),
      delete: f.bool,
      digest: f.text,
      bwlimit: f.int(0),
    },
    permission: needVmRight("VM.Config.Disk"),
    handle: move,
  },
];

function destroy(call: Call): string {
  const { world, node, vmid, given } = call;
  checkDestroy(theVm(call));
  const request = {
    node,
    vmid,
    unreferenced: isTrue(given.get("destroy-unreferenced-disks")),
    purge: isTrue(given.get("purge")),
  };
  return task(call, "qmdestroy", (context) => destroyWorker(world, request, context));
}

function migrate(call: Call): string {
  const { world, node, vmid, given } = call;
  const request = {
    node,
    vmid,
    target: given.get("target") ?? "",
    storage: given.get("targetstorage"),
    withLocalDisks: isTrue(given.get("with-local-disks")),
    online: isTrue(given.get("online")),
  };
  checkMigrate(world, theVm(call), request);
  return task(call, "qmigrate", (context) => migrateWorker(world, request, context));
}

const LIFE: Route[] = [
  { method: "POST", path: `${VM}/clone`, parameters: CLONE, permission: clonePermission, handle: clone },
  {
    method: "DELETE",
    path: VM,
    parameters: { skiplock: f.bool, purge: f.bool, "destroy-unreferenced-disks": f.bool },
    permission: needVmRight("VM.Allocate"),
    handle: destroy,
  },
  {
    method: "POST",
    path: `${VM}/migrate`,
    parameters: {
      target: f.required(f.nodeName),
      online: f.bool,
      force: f.bool,
      "with-local-disks": f.bool,
      targetstorage: f.text,
      bwlimit: f.int(0),
    },
    permission: needVmRight("VM.Migrate"),
    handle: migrate,
  },
  {
    method: "POST",
    path: `${VM}/template`,
    parameters: { disk: f.text },
    permission: needVmRight("VM.Allocate"),
    handle: (call) => {
      theVm(call);
      return task(call, "qmtemplate", (context) => templateWorker(call.world, call, context));
    },
  },
];

function list({ world, user, node }: Call): unknown {
  return [...world.cluster.vms.values()]
    .filter((vm) => vm.node === node && mayAny(world.cluster, user, `/vms/${vm.vmid}`, ["VM.Audit"]))
    .map((vm) => {
      const { name, status, vmid, uptime, tags, template, pid } = statusAnswer(vm, world.clock.now());
      return { name, status, vmid, uptime, tags, template, pid, ...sizes(vm.config) };
    });
}

/** Every route below nodes/{node}/qemu. */
export const VM_ROUTES: readonly Route[] = [
  { method: "GET", path: "/nodes/{node}/qemu", parameters: { full: f.bool }, handle: list },
  ...CREATE_ROUTES,
  ...POWER,
  ...CONFIG,
  ...LIFE,
  ...GUEST_ROUTES,
];
