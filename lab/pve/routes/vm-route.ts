// What the routes of a VM have in common.
import { needAny } from "../world/auth";
import type { Vm } from "../world/cluster";
import type { Call } from "../api/router";
import type { TaskContext } from "../world/tasks";
import { vmOn } from "../vm/config";

/** Path of a VM. */
export const VM = "/nodes/{node}/qemu/{vmid}";

/** One of these privileges on the VM. */
export function needVmRight(...privileges: string[]): (call: Call) => void {
  return ({ world, user, vmid }) => needAny(world.cluster, user, `/vms/${vmid}`, ...privileges);
}

/** To look at a VM. */
export const audit = needVmRight("VM.Audit");

/** Starts the task of a VM's route. */
export function task(call: Call, type: string, worker: (context: TaskContext) => Promise<void>): string {
  return call.world.tasks.start(call.node, type, String(call.vmid), call.user, worker);
}

/** The VM of the path. @throws PveError - 500: it is not there */
export function theVm(call: Call): Vm {
  return vmOn(call.world.cluster, call.node, call.vmid);
}
