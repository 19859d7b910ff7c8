import { Lazy, Token, TerraformLocal, type Postcondition, type Precondition } from "cdktf";
import type { Construct } from "constructs";
import { describeFinding, type Finding } from "../errors";
import { expression, lazyExpression, local, operand, quoted } from "../opentofu/expressions";
import { escapeLiteral } from "../opentofu/literals";
import type { NexusVmPullProps } from "../props";
import type { OverrulableCode } from "../validation/overrulable";
import { clusterVms } from "./cluster-vms";

/**
 * How many times the provider dispatches a clone: once. Its retry takes Proxmox's "config file already exists" for its own
 * success (proxmox/nodes/vms/vms.go of 0.111.1), whoever's VM it is, and from then on changes and destroys that VM.
 */
export const CLONE_DISPATCHES = 1;

/** What holds OpenTofu off a VM that is somebody else's. */
export interface OwnVm {
  readonly precondition: Precondition[];
  readonly postcondition: Postcondition[];
}

// Stands in a message for what only OpenTofu can tell.
const SEEN = "\0";

/** Conditions of the VM resource: its id is free or this VM's, and what was made is this VM. */
export function ownVm(scope: Construct, props: NexusVmPullProps): OwnVm {
  const name = operand(scope, "name", props.name);
  return {
    precondition:
      props.vmId === undefined || overrules(props.overrule, "vm_id_taken")
        ? []
        : [idIsFree(scope, props, props.vmId, name)],
    postcondition: [
      {
        // A clone has its name from the very request, and nothing sets it on a VM that was there before.
        condition: expression(`self.name == ${name}`),
        errorMessage: message(
          { code: "vm_foreign", prop: "name", got: SEEN },
          "${self.name} (VM ${self.vm_id} on ${self.node_name})",
        ),
      },
      ...bootSlot(props),
    ],
  };
}

// Only a VM that was made tells what its template boots from: no data source of the provider does.
function bootSlot({ templateVmId, diskGiB, diskInterface = "scsi0", overrule }: NexusVmPullProps): Postcondition[] {
  const unknown = templateVmId === undefined || diskGiB === undefined || Token.isUnresolved(diskInterface);
  if (unknown || overrules(overrule, "boot_slot_differs")) return [];
  return [
    {
      condition: expression(
        `try(length(self.boot_order) == 0 || contains(self.boot_order, ${quoted(diskInterface)}), true)`,
      ),
      errorMessage: message(
        { code: "boot_slot_differs", prop: "diskInterface", got: `${JSON.stringify(diskInterface)} with ${SEEN}` },
        expression('try(join(", ", self.boot_order), "nothing")'),
      ),
    },
  ];
}

function overrules(codes: NexusVmPullProps["overrule"], code: OverrulableCode): boolean {
  return codes?.includes(code) === true;
}

function idIsFree(scope: Construct, props: NexusVmPullProps, vmId: number, name: string): Precondition {
  const vms = clusterVms(scope, props.provider);
  const id = Token.isUnresolved(vmId) ? local(new TerraformLocal(scope, "vm-id", vmId)) : String(vmId);
  const others = (what: string) => `[for vm in ${vms()} : ${what} if vm.vm_id == ${id} && vm.name != ${name}]`;
  const list = () => expression(`join(", ", ${others('"${vm.name} (VM ${vm.vm_id} on ${vm.node_name})"')})`);
  return {
    condition: lazyExpression(() => `length(${others("vm.vm_id")}) == 0`),
    errorMessage: Lazy.stringValue({
      produce: () => message({ code: "vm_id_taken", prop: "vmId", got: `the id of ${SEEN}` }, list()),
    }),
  };
}

/** The catalogue's text with an expression of OpenTofu's where it says SEEN. */
function message(finding: Finding, seen: string): string {
  const [before = "", after = ""] = describeFinding(finding).split(SEEN);
  return `${escapeLiteral(before)}${seen}${escapeLiteral(after)}`;
}
