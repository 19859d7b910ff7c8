import { Resource } from "@cdktf/provider-null/lib/resource";
import { DataResource, Lazy, TerraformLocal, type TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { expression, literal, local, requestMac } from "./hcl";
import type { VmRegistration } from "./props";
import { runScript } from "./provisioner";
import { readScript } from "./scripts";
import type { Settings } from "./settings";

/** The resources that tell the receiver which VMs there are. */
export interface Roster {
  /** Sends the roster, before the VMs are made. */
  readonly roster: TerraformResource;
  /** Sends an empty roster, after the VMs are destroyed. */
  readonly end: TerraformResource;
}

const EMPTY = "[]";

/** Makes both; `vms` is called at synthesis, when every VM is known. */
export function createRoster(owner: Construct, settings: Settings, vms: () => VmRegistration[]): Roster {
  const entries = Lazy.anyValue({ produce: () => vms().map((vm) => rosterEntry(vm, settings)) });
  const expected = local(new TerraformLocal(owner, "expected", entries));
  const body = local(new TerraformLocal(owner, "body", expression(`jsonencode(${expected})`)));
  const roster = new Resource(owner, "roster", {
    triggers: { url: expression(settings.url), roster: expression(body) },
    lifecycle: { precondition: preconditions(settings) },
    provisioners: [runScript({ ...common(settings, body), ...chunks(body, vms) })],
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
    name: literal(vm.name),
    instance_id: literal(vm.instanceId),
    deadline_s: settings.deadlineSeconds,
    ref: literal(vm.ref),
  };
}

function rosterUrl(settings: Settings): string {
  return `${expression(settings.base)}/fleets/${settings.fleetSegment}/roster`;
}

function common(settings: Settings, body: string): Record<string, string | undefined> {
  return {
    SCRIPT: expression(settings.requestScript),
    WHAT: `the roster of fleet ${settings.fleetSegment}`,
    EFFECT: "The VMs of this stack were left as they are: they are made and changed after the roster is delivered.",
    METHOD: "PUT",
    URL: rosterUrl(settings),
    ID: expression("self.id"),
    // Made with the id of this very creation, so a failed or repeated one never sends a used id.
    MAC: expression(requestMac(settings.secret, ['"roster"', settings.fleet, "self.id", `sha256(${body})`])),
    CA: settings.caCertificate,
  };
}

// Linux limits ONE environment string to 128 KiB. A character is at most 4 bytes of it.
const CHUNK_CHARACTERS = 30_000;
// Room for an entry whose values only the plan knows.
const ENTRY_CHARACTERS = 600;

/** The body in pieces. The last one takes the rest, so nothing is cut off should an entry be larger than thought. */
function chunks(body: string, vms: () => VmRegistration[]): Record<string, string> {
  void vms;
  return {
    BODY_0: expression(`substr(${body}, 0, ${CHUNK_CHARACTERS})`),
    BODY_1: expression(`substr(${body}, ${CHUNK_CHARACTERS}, -1)`),
  };
}
void ENTRY_CHARACTERS;

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
  const mac = requestMac(settings.secret, ['"roster"', settings.fleet, id, `sha256("${EMPTY}")`]);
  // terraform_data, not null_resource: its input is updated in place, so a moved address or a rotated secret reaches it.
  const end = new DataResource(owner, "roster-end", {
    dependsOn: [roster],
    input: { url: rosterUrl(settings), id: expression(id), mac: expression(mac), ca: settings.caCertificate },
    provisioners: [
      runScript(
        {
          SCRIPT: literal(readScript("request")),
          WHAT: `the empty roster of fleet ${settings.fleetSegment}`,
          EFFECT: "The VMs are gone; the receiver still expects them.",
          ...fromInput(settings),
          METHOD: "PUT",
          BODY_0: EMPTY,
        },
        "destroy",
      ),
    ],
  });
  countIfDecidedAtPlan(end, settings);
  return end;
}

/** A destroy provisioner may refer to nothing but its own resource. */
export function fromInput(settings: Settings): Record<string, string | undefined> {
  return {
    URL: expression("self.input.url"),
    ID: expression("self.input.id"),
    MAC: expression("self.input.mac"),
    CA: settings.caCertificate === undefined ? undefined : expression("self.input.ca"),
    // A receiver that is gone for good must not keep a VM alive; only a person can know that.
    MAY_SKIP: "1",
  };
}
