// A stack with VM stand-ins, applied by the real OpenTofu against a recording receiver.
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { execFileSync } from "node:child_process";
import {
  App,
  type ITerraformDependable,
  LocalBackend,
  TerraformResource,
  TerraformStack,
  TerraformVariable,
  Testing,
} from "cdktf";
import { Construct } from "constructs";
import { Receiver, type WaitForConfigured } from "../../lib/receiver";
import type { Outcome } from "../../lab/host/processes";
import { TofuFolder } from "../../lab/host/tofu";
import { RecordingReceiver } from "../../lab/services/recording-receiver";

export const SECRET = "canary-5e1f-operator-secret";

export interface StandIn {
  readonly name: string;
  /** An edit of it updates the stand-in in place. */
  readonly revision?: string;
  /** An edit of it replaces the stand-in. */
  readonly shape?: string;
  readonly wait?: WaitForConfigured;
  readonly commit?: string;
}

export interface StackOptions {
  readonly caCertificate?: string;
  /** @default - the variable webhook_url */
  readonly literalUrl?: string;
  /** Adds outputs of what a VM takes from its receiver. */
  readonly outputs?: boolean;
}

/** The stand-in of a VM: `id` changes with a new machine only, as a VM's does. */
function standIn(scope: Construct, vm: StandIn, dependsOn: ITerraformDependable[]): TerraformResource {
  const resource = new TerraformResource(scope, "vm", { terraformResourceType: "terraform_data", dependsOn });
  resource.addOverride("input", { name: vm.name, revision: vm.revision ?? "1" });
  resource.addOverride("triggers_replace", vm.shape ?? "1");
  const note = (event: string): string => `echo "${event} $VM" >> "$LAB_LOG"`;
  const environment = { VM: "${self.input.name}" };
  resource.addOverride("provisioner", [
    { "local-exec": { command: note("created"), environment, quiet: true } },
    { "local-exec": { command: note("destroyed"), environment, when: "destroy", quiet: true } },
  ]);
  return resource;
}

export function synth(vms: readonly StandIn[], options: StackOptions = {}): string {
  const app = new App({ skipValidation: false });
  const stack = new TerraformStack(app, "dev");
  new LocalBackend(stack, { path: "terraform.tfstate" });
  const url = new TerraformVariable(stack, "webhook_url", { type: "string", default: "" });
  const secret = new TerraformVariable(stack, "webhook_secret", { type: "string", default: "", sensitive: true });
  const receiver = new Receiver(stack, "receiver", {
    webhookUrl: options.literalUrl ?? url.stringValue,
    secret: secret.stringValue,
    caCertificate: options.caCertificate,
  });
  for (const vm of vms) {
    const scope = new Construct(stack, vm.name);
    const binding = receiver.register({ name: vm.name, instanceId: `iid-${vm.name}`, ref: "main" });
    const resource = standIn(scope, vm, binding.dependsOn);
    receiver.announce(scope, { name: vm.name, vm: resource, waitForConfigured: vm.wait, commit: vm.commit });
    if (options.outputs === true) {
      stack.addOverride(`output.agent_${vm.name}`, { value: binding.agent });
      stack.addOverride(`output.key_${vm.name}`, { value: binding.key, sensitive: true });
    }
  }
  return Testing.synth(stack, true);
}

/** One line, so that a message can be searched whatever the width it was wrapped to. */
export function flat(text: string): string {
  return text.replace(/[\s│╷╵]+/g, " ");
}

// Records its arguments, then is the real one.
const CURL = `#!/bin/sh
printf '%s\\n' "$0 $*" >> "$LAB_ARGV"
exec REAL "$@"
`;

export class Testbed {
  public readonly receiver: RecordingReceiver;
  public readonly tofu = new TofuFolder();
  /** What OpenTofu is told about the receiver; edited by tests. */
  public variables: Record<string, string>;
  private readonly argvFile: string;
  private readonly logFile: string;

  private constructor(receiver: RecordingReceiver) {
    this.receiver = receiver;
    this.argvFile = join(this.tofu.path, "argv");
    this.logFile = join(this.tofu.path, "log");
    receiver.log = this.logFile;
    this.variables = { webhook_url: receiver.webhookUrl, webhook_secret: SECRET };
    const real = execFileSync("sh", ["-c", "command -v curl"], { encoding: "utf8" }).trim();
    this.tofu.write("bin/curl", CURL.replace("REAL", real));
    chmodSync(join(this.tofu.path, "bin", "curl"), 0o755);
  }

  public static async open(receiver = new RecordingReceiver([SECRET])): Promise<Testbed> {
    await receiver.start();
    return new Testbed(receiver);
  }

  public async close(): Promise<void> {
    await this.receiver.stop();
    this.tofu.remove();
  }

  public async init(vms: readonly StandIn[], options?: StackOptions): Promise<void> {
    this.configure(vms, options);
    await this.tofu.run(["init"]);
  }

  public configure(vms: readonly StandIn[], options?: StackOptions): void {
    this.tofu.write("cdk.tf.json", synth(vms, options));
  }

  public environment(extra: Record<string, string> = {}): Record<string, string> {
    const variables = Object.entries(this.variables).map(([name, value]) => [`TF_VAR_${name}`, value]);
    return {
      ...(Object.fromEntries(variables) as Record<string, string>),
      PATH: join(this.tofu.path, "bin") + delimiter + (process.env.PATH ?? ""),
      LAB_ARGV: this.argvFile,
      LAB_LOG: this.logFile,
      ...extra,
    };
  }

  /** Runs tofu, whatever its exit status. */
  public try(args: readonly string[], env?: Record<string, string>): Promise<Outcome> {
    return this.tofu.try(args, { env: this.environment(env) });
  }

  /** Runs tofu; fails when it does. Returns standard output. */
  public run(args: readonly string[], env?: Record<string, string>): Promise<string> {
    return this.tofu.run(args, { env: this.environment(env) });
  }

  public apply(...args: string[]): Promise<string> {
    return this.run(["apply", "-auto-approve", ...args]);
  }

  /** Fails unless a plan has no change. */
  public async expectNoDiff(): Promise<void> {
    const outcome = await this.try(["plan", "-detailed-exitcode"]);
    if (outcome.status !== 0) throw new Error(`the plan has changes:\n${outcome.stdout}${outcome.stderr}`);
  }

  /** What happened since the last call, in order: the receiver's and the machines' events. */
  public events(): string[] {
    const lines = existsSync(this.logFile) ? readFileSync(this.logFile, "utf8").split("\n").filter(Boolean) : [];
    writeFileSync(this.logFile, "");
    return lines;
  }

  /** Arguments of every curl so far. */
  public argv(): string {
    return existsSync(this.argvFile) ? readFileSync(this.argvFile, "utf8") : "";
  }

  /** Terraform address of a VM's stand-in. */
  public async addressOf(name: string): Promise<string> {
    const list = await this.run(["state", "list"]);
    const address = list.split("\n").find((line) => line.startsWith(`terraform_data.${name}_vm_`));
    if (address === undefined) throw new Error(`${name} is not in the state:\n${list}`);
    return address;
  }
}
