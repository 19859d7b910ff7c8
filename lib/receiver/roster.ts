import { Resource } from "@cdktf/provider-null/lib/resource";
import { Lazy, type LocalExecProvisioner, TerraformLocal, type TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { expression, local, template } from "../opentofu/expressions";
import { escapeString } from "../opentofu/literals";
import { requestMac } from "./mac";
import type { VmRegistration } from "./props";
import { type Environment, runScript, runScriptWithBody } from "./provisioner";
import { readScript } from "./scripts";
import { addressBelow, type Settings } from "./settings";
import { TerraformData } from "../opentofu/terraform-data";

/** The resources that tell the receiver which VMs there are. */
export interface Roster {
  /** Sends the roster, before the VMs are made. */
  readonly roster: TerraformResource;
  /** Sends an empty roster, after the VMs are destroyed. */
  readonly end: TerraformResource;
}

/** Makes both; `vms` is called at synthesis, when every VM is known. */
export function createRoster(owner: Construct, settings: Settings, vms: () => VmRegistration[]): Roster {
  const entries = Lazy.anyValue({ produce: () => vms().map((vm) => rosterEntry(vm, settings)) });
  const expected = local(new TerraformLocal(owner, "expected", entries));
  const body = local(new TerraformLocal(owner, "body", expression(`jsonencode(${expected})`)));
  const roster = new Resource(owner, "roster", {
    triggers: { url: expression(settings.url), roster: expression(body) },
    lifecycle: { precondition: preconditions(settings) },
    provisioners: [runScriptWithBody(settings.requestScript, rosterRequest(settings, body), body)],
  });
  countIfDecidedAtPlan(roster, settings);
  return { roster, end: createEnd(owner, settings, roster) };
}

/** `count = 0` without a receiver, when only the plan knows. */
export function countIfDecidedAtPlan(resource: TerraformResource, settings: Settings): void {
  if (settings.counted) resource.addOverride("count", expression(`${settings.url} == "" ? 0 : 1`));
}

/** Address of a resource that may have a count, from inside another one that has the same. */
export function addressOf(resource: TerraformResource, settings: Settings): string {
  return `${resource.terraformResourceType}.${resource.friendlyUniqueId}${settings.counted ? "[count.index]" : ""}`;
}

function rosterEntry(vm: VmRegistration, settings: Settings): object {
  return {
    name: escapeString(vm.name),
    instance_id: escapeString(vm.instanceId),
    deadline_s: settings.deadlineSeconds,
    ref: escapeString(vm.ref),
  };
}

function rosterRequest(settings: Settings, body: string): Environment {
  return {
    WHAT: `"the roster of fleet \${${settings.fleet}}"`,
    EFFECT: '"The VMs of this stack are as they were: they are made and changed after their roster is delivered."',
    METHOD: '"PUT"',
    URL: addressBelow(settings, settings.fleet, '"roster"'),
    ID: "self.id",
    // Made with the id of this very creation, so a failed or repeated one never sends a used id.
    MAC: requestMac(settings.secret, ['"roster"', settings.fleet, "self.id", `sha256(${body})`]),
    CA: settings.caCertificate,
  };
}

function preconditions(settings: Settings): { condition: string; errorMessage: string }[] {
  return [
    {
      condition: expression(`${settings.url} == "" || ${settings.secret} != ""`),
      errorMessage:
        "webhook_url is set but webhook_secret is not: add webhook_secret (the operator secret of the receiver) to terraform.tfvars or TF_VAR_webhook_secret, or leave webhook_url empty to go without a receiver.",
    },
    {
      condition: expression(`can(regex("^https?://[^/@?#[:space:]]+(/[^@?#[:space:]]*)?/webhook$", ${settings.url}))`),
      errorMessage:
        "webhook_url must be the receiver's full POST address: http(s)://, ending in /webhook, without credentials or query, for example https://receiver.example:9191/webhook.",
    },
  ];
}

function createEnd(owner: Construct, settings: Settings, roster: Resource): TerraformResource {
  const id = `"\${${addressOf(roster, settings)}.id}-end"`;
  const mac = requestMac(settings.secret, ['"roster"', settings.fleet, id, 'sha256("[]")']);
  const url = addressBelow(settings, settings.fleet, '"roster"');
  const environment = {
    WHAT: '"the empty roster of fleet ${self.input.fleet}"',
    EFFECT: '"The VMs are gone; the receiver still expects them."',
    METHOD: '"PUT"',
    BODY_0: '"[]"',
  };
  // terraform_data, not null_resource: its input is updated in place, so a moved address or a rotated secret reaches it.
  const end = new TerraformData(owner, "roster-end", {
    dependsOn: [roster],
    input: kept(settings, { url, fleet: settings.fleet, id, mac }),
    provisioners: [sendWhenDestroyed(settings, environment)],
  });
  countIfDecidedAtPlan(end, settings);
  return end;
}

/** Input of a terraform_data: what its destroy provisioner will need. The values are HCL operands. */
export function kept(settings: Settings, input: Readonly<Record<string, string>>): Record<string, string> {
  const ca = settings.caCertificate === undefined ? {} : { ca: settings.caCertificate };
  return Object.fromEntries(Object.entries({ ...input, ...ca }).map(([name, value]) => [name, template(value)]));
}

/** Sends a kept request when the resource is destroyed; such a provisioner may refer to nothing but its own resource. */
export function sendWhenDestroyed(settings: Settings, environment: Environment): LocalExecProvisioner {
  const fromInput = {
    URL: "self.input.url",
    ID: "self.input.id",
    MAC: "self.input.mac",
    CA: settings.caCertificate === undefined ? undefined : "self.input.ca",
    // A receiver that is gone for good must not keep a VM alive; only a person can know that.
    MAY_SKIP: '"1"',
  };
  return runScript(escapeString(readScript("request")), { ...environment, ...fromInput }, "destroy");
}
