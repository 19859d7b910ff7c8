import { Resource } from "@cdktf/provider-null/lib/resource";
import { Lazy } from "cdktf";
import type { Construct } from "constructs";
import { expression } from "../opentofu/expressions";
import { escapeString } from "../opentofu/literals";
import { requestMac } from "./mac";
import type { VmAnnouncement, WaitForConfigured } from "./props";
import { runScript } from "./provisioner";
import { addressOf, countIfDecidedAtPlan, kept, sendWhenDestroyed } from "./roster";
import { addressBelow, seconds, type Settings } from "./settings";
import { TerraformData } from "../opentofu/terraform-data";

/** A VM that exists, with its name as an HCL operand. */
export interface Announced extends VmAnnouncement {
  readonly operand: string;
}

/** Makes what follows a VM's machine: its nonce, its release and, when asked for, the wait. */
export function createMachine(scope: Construct, settings: Settings, vm: Announced): void {
  // The address is read at synthesis: a user may still override the VM's logical id.
  const vmId = Lazy.stringValue({ produce: () => `${vm.vm.terraformResourceType}.${vm.vm.friendlyUniqueId}.id` });
  const machine = new Resource(scope, "machine", { dependsOn: [vm.vm], lifecycle: { replaceTriggeredBy: [vmId] } });
  countIfDecidedAtPlan(machine, settings);
  createRelease(scope, settings, vm, machine);
  const wait = vm.waitForConfigured ?? settings.waitForConfigured;
  if (wait !== false) createWait(scope, settings, vm, machine, wait);
}

function createRelease(scope: Construct, settings: Settings, vm: Announced, machine: Resource): void {
  const id = `${addressOf(machine, settings)}.id`;
  const mac = requestMac(settings.secret, ['"release"', settings.fleet, vm.operand, id]);
  const url = addressBelow(settings, settings.fleet, '"vms"', vm.operand, '"release"');
  const environment = {
    WHAT: '"the release of ${self.input.vm} in fleet ${self.input.fleet}"',
    EFFECT: '"The machine is as it was: it is destroyed after the receiver knows."',
    METHOD: '"POST"',
  };
  const release = new TerraformData(scope, "release", {
    // Depends on the VM, so it is destroyed before the VM is: the receiver knows before a new machine can speak.
    dependsOn: [vm.vm],
    input: kept(settings, { url, fleet: settings.fleet, vm: vm.operand, id, mac }),
    lifecycle: { replaceTriggeredBy: [id] },
    provisioners: [sendWhenDestroyed(settings, environment)],
  });
  countIfDecidedAtPlan(release, settings);
}

const DEFAULT_WAIT = "30m";

function createWait(
  scope: Construct,
  settings: Settings,
  vm: Announced,
  machine: Resource,
  wait: Exclude<WaitForConfigured, false>,
): void {
  const triggers: Record<string, string> = { machine: expression(`${addressOf(machine, settings)}.id`) };
  if (vm.commit !== undefined) triggers.commit = escapeString(vm.commit);
  if (vm.generation !== undefined) triggers.generation = escapeString(vm.generation);
  const request = {
    WHAT: vm.operand,
    URL: addressBelow(settings, settings.fleet, '"vms"', vm.operand, '"wait"'),
    COMMIT: vm.commit === undefined ? undefined : 'self.triggers["commit"]',
    TIMEOUT_S: `"${seconds(wait === true ? undefined : wait.timeout, DEFAULT_WAIT)}"`,
    ID: "self.id",
    MAC: requestMac(settings.secret, ['"wait"', settings.fleet, vm.operand, "self.id"]),
    CA: settings.caCertificate,
  };
  const resource = new Resource(scope, "wait", {
    triggers,
    provisioners: [runScript(expression(settings.waitScript), request)],
  });
  countIfDecidedAtPlan(resource, settings);
}
