import { Resource } from "@cdktf/provider-null/lib/resource";
import { DataResource, Lazy } from "cdktf";
import type { Construct } from "constructs";
import { expression, literal, quoted, requestMac } from "./hcl";
import type { VmAnnouncement, WaitForConfigured } from "./props";
import { runScript } from "./provisioner";
import { addressOf, countIfDecidedAtPlan, fromInput } from "./roster";
import { readScript } from "./scripts";
import { seconds, segment, type Settings } from "./settings";

/** Makes what follows a VM's machine: its nonce, its release and, when asked for, the wait. */
export function createMachine(scope: Construct, settings: Settings, vm: VmAnnouncement): void {
  // The address is read at synthesis: a user may still override the VM's logical id.
  const vmId = Lazy.stringValue({ produce: () => `${vm.vm.terraformResourceType}.${vm.vm.friendlyUniqueId}.id` });
  const machine = new Resource(scope, "machine", {
    dependsOn: [vm.vm],
    lifecycle: { replaceTriggeredBy: [vmId] },
  });
  countIfDecidedAtPlan(machine, settings);
  createRelease(scope, settings, vm, machine);
  const wait = vm.waitForConfigured ?? settings.waitForConfigured;
  if (wait !== false) createWait(scope, settings, vm, machine, wait);
}

function vmUrl(settings: Settings, vm: VmAnnouncement): string {
  return `${expression(settings.base)}/fleets/${settings.fleetSegment}/vms/${segment(vm.name)}`;
}

function createRelease(scope: Construct, settings: Settings, vm: VmAnnouncement, machine: Resource): void {
  const machineId = `${addressOf(machine, settings)}.id`;
  const mac = requestMac(settings.secret, ['"release"', settings.fleet, quoted(vm.name), machineId]);
  const release = new DataResource(scope, "release", {
    // Depends on the VM, so it is destroyed before the VM is: the receiver knows before a new machine can speak.
    dependsOn: [vm.vm],
    input: {
      url: `${vmUrl(settings, vm)}/release`,
      id: expression(machineId),
      mac: expression(mac),
      ca: settings.caCertificate,
    },
    lifecycle: { replaceTriggeredBy: [machineId] },
    provisioners: [
      runScript(
        {
          SCRIPT: literal(readScript("request")),
          WHAT: `the release of the machine ${literal(vm.name)}`,
          EFFECT: "The machine was not touched.",
          ...fromInput(settings),
          METHOD: "POST",
        },
        "destroy",
      ),
    ],
  });
  countIfDecidedAtPlan(release, settings);
}

const DEFAULT_WAIT = "30m";

function createWait(
  scope: Construct,
  settings: Settings,
  vm: VmAnnouncement,
  machine: Resource,
  wait: Exclude<WaitForConfigured, false>,
): void {
  const resource = new Resource(scope, "wait", {
    triggers: {
      machine: expression(`${addressOf(machine, settings)}.id`),
      ...(vm.commit === undefined ? {} : { commit: literal(vm.commit) }),
      ...(vm.generation === undefined ? {} : { generation: literal(vm.generation) }),
    },
    provisioners: [
      runScript({
        SCRIPT: expression(settings.waitScript),
        WHAT: literal(vm.name),
        URL: `${vmUrl(settings, vm)}/wait`,
        COMMIT: vm.commit === undefined ? undefined : literal(vm.commit),
        TIMEOUT_S: String(seconds(wait === true ? undefined : wait.timeout, DEFAULT_WAIT)),
        ID: expression("self.id"),
        MAC: expression(requestMac(settings.secret, ['"wait"', settings.fleet, quoted(vm.name), "self.id"])),
        CA: settings.caCertificate,
      }),
    ],
  });
  countIfDecidedAtPlan(resource, settings);
}
