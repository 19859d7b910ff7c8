import { TerraformStack, Token, ref } from "cdktf";
import { Construct } from "constructs";
import { guard, report } from "../validation/report";
import { stackOf } from "../opentofu/engine";
import { check } from "../validation/rule";
import { operand } from "../opentofu/expressions";
import { keyedHash } from "./mac";
import { createMachine } from "./machine";
import { useNullProvider } from "../opentofu/null-provider";
import type { ReceiverBinding, ReceiverProps, VmAnnouncement, VmRegistration } from "./props";
import { createRoster, type Roster } from "./roster";
import { fleetInUse, receiverRules, waitIsValid } from "../validation/rules/receiver-props";
import { heartbeatSeconds, resolveSettings, type Settings } from "./settings";

/**
 * What a stack knows of a receiver: announces which VMs are expected, derives each VM's key, tells the receiver when a
 * machine is gone and, when asked to, waits until VMs are Configured. Needs `sh` and `curl` where OpenTofu runs.
 *
 * Nothing is sent at synthesis. With the value of a variable as `webhookUrl`, an empty value means: no receiver.
 *
 * Construct ids, and with them logical ids, are a contract. Below this construct: `url`, `secret`, `expected`, `body`,
 * `agent`, `ca-certificate`, `request-script`, `wait-script` (locals), `roster` (null_resource), `roster-end` (terraform_data). Below each VM's construct:
 * `receiver/machine` (null_resource), `receiver/release` (terraform_data) and, when apply waits, `receiver/wait` (null_resource).
 *
 * Synthesis fails with `receiver_url_invalid`, `secret_literal`, `fleet_invalid`, `fleet_duplicate`, `duration_invalid`,
 * `certificate_invalid`, `vm_name_duplicate`, `receiver_foreign_stack`; `plan` fails when a variable's address is set without a
 * secret or does not end in /webhook.
 */
export class Receiver extends Construct {
  /** The fleet that this receiver's roster is for. */
  public readonly fleet: string;
  /** Whether `apply` waits for VMs that do not say otherwise. @internal */
  public readonly waitsByDefault: boolean;
  /** Seconds between heartbeats of its VMs. @internal */
  public readonly heartbeatSeconds: number;

  private readonly settings: Settings;
  private readonly roster: Roster;
  private readonly vms = new Map<string, VmRegistration>();
  private readonly operands = new Map<string, string>();

  public constructor(scope: Construct, id: string, props: ReceiverProps) {
    super(scope, id);
    const stack = stackOf(this, this.node.path);
    this.fleet = props.fleet ?? stack.node.id;
    this.waitsByDefault = (props.waitForConfigured ?? false) !== false;
    this.heartbeatSeconds = heartbeatSeconds(props);
    guard(stack);
    report(this, [...check({ ...props, fleet: this.fleet }, receiverRules), ...fleetInUse(this, this.fleet)]);
    useNullProvider(this, stack);
    this.settings = resolveSettings(this, this.fleet, props);
    this.roster = createRoster(this, this.settings, () => [...this.vms.values()]);
  }

  /**
   * Puts a VM on the roster. Call it before the VM's resource is made, which needs what this returns.
   * A name that is used twice is reported as `vm_name_duplicate`.
   * @internal
   */
  public register(vm: VmRegistration): ReceiverBinding {
    if (this.vms.has(vm.name)) {
      report(this, [{ code: "vm_name_duplicate", prop: "name", got: JSON.stringify(vm.name) }]);
    }
    this.vms.set(vm.name, vm);
    return {
      fleet: this.fleet,
      agent: ref(this.settings.agent, TerraformStack.of(this)),
      key: this.keyOf(vm.name),
      dependsOn: [this.roster.roster, this.roster.end],
    };
  }

  /**
   * Ties a VM's resource to the receiver: its machine's end is reported, and apply waits for it when asked to.
   * Makes `receiver` below `scope`, so a scope holds one VM.
   * @internal
   */
  public announce(scope: Construct, vm: VmAnnouncement): void {
    if (TerraformStack.of(scope) !== TerraformStack.of(this)) {
      report(scope, [{ code: "receiver_foreign_stack", prop: "receiver", got: JSON.stringify(this.node.path) }]);
    }
    report(scope, [...waitIsValid(vm.waitForConfigured)]);
    createMachine(new Construct(scope, "receiver"), this.settings, { ...vm, operand: this.operandOf(vm.name) });
  }

  /** The VM's name as an HCL operand; one local per name that is a token. */
  private operandOf(name: string): string {
    let known = this.operands.get(name);
    if (known === undefined) {
      known = operand(this, `name-${this.operands.size}`, name);
      this.operands.set(name, known);
    }
    return known;
  }

  private keyOf(name: string): string {
    const { fleet, secret, url } = this.settings;
    const key = keyedHash(secret, `join("/", [${fleet}, ${this.operandOf(name)}])`);
    return Token.asString(ref(`(${url} == "" ? "" : ${key})`, TerraformStack.of(this)));
  }
}
