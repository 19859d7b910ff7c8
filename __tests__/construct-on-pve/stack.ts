// A stack of ours against the stand-in: real tofu, the real provider, nothing of the user's.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, TerraformStack } from "cdktf";
import { readDescription, type Description } from "../../lab/pve/api/description";
import { watchAnswers } from "../../lab/pve/api/described-answers";
import { startPve, type Pve, type PveOptions } from "../../lab/pve/stand-in";
import { LocalStateBackend, NexusVariables } from "../../lib";
import type { ProxmoxProvider } from "../../lib/proxmox/resource-types";
import type { Outcome } from "../../lab/host/processes";
import { TofuFolder, type TofuOptions } from "../../lab/host/tofu";
import { tool, type ToolName } from "../../lab/host/tools";

/** What a suite with a stack on the stand-in needs. */
export const LAB_TOOLS: readonly ToolName[] = ["tofu", "tofurc", "provider-mirror", "pve-description"];

let description: Description | undefined;

/** Whatever a test puts into a stack. */
export type Build = (stack: TerraformStack, vars: NexusVariables) => void;

/** What a plan does with one resource. */
export interface PlannedChange {
  readonly address: string;
  readonly type: string;
  readonly actions: readonly string[];
}

/** What `tofu show -json` tells of a plan. */
export interface Plan {
  readonly resource_changes?: readonly {
    readonly address: string;
    readonly type: string;
    readonly name: string;
    readonly change: { readonly actions: readonly string[] };
  }[];
  readonly configuration: {
    readonly root_module: { readonly resources: { readonly address: string; readonly provider_config_key: string }[] };
  };
}

const PLAN_MS = 300_000;

/** The provider takes SSH addresses from the API; on one machine only the ports differ. */
export function useSshPorts(provider: ProxmoxProvider, pve: Pve): void {
  const nodes = [...pve.ssh].map(([name, { port }]) => ({ name, address: "127.0.0.1", port }));
  provider.addOverride("ssh.node", nodes);
}

// Where cdktf writes it: the default backend's relative path leads from here to the folder.
export const STACK_FOLDER = "cdktf.out/stacks/lab";

/** A value for every text variable that has none. */
function placeholders(json: string): Record<string, string> {
  const { variable = {} } = JSON.parse(json) as { variable?: Record<string, { type: string; default?: unknown }> };
  const open = Object.entries(variable).filter(([, one]) => one.default === undefined && one.type === "string");
  return Object.fromEntries(open.map(([name]) => [name, "placeholder"]));
}

/** A folder with one stack's JSON, and the stand-in that it is applied to. */
export class LabStack {
  /** As a clone of the example app would be: the stack is in STACK_FOLDER. */
  public readonly folder = new TofuFolder();
  private readonly answerProblems: () => string[];
  /** For every tofu that runs in it. */
  public env: Readonly<Record<string, string>> = {};

  private constructor(
    public readonly pve: Pve,
    private readonly variables: Readonly<Record<string, unknown>>,
  ) {
    description ??= readDescription(tool("pve-description"));
    this.answerProblems = watchAnswers(pve.log, description);
  }

  /** Starts a stand-in and writes the variables; `set` and `init` come next. */
  public static async start(
    options: PveOptions = {},
    variables: Readonly<Record<string, unknown>> = {},
  ): Promise<LabStack> {
    const pve = await startPve(options);
    return new LabStack(pve, {
      proxmox_endpoint: pve.endpoint,
      proxmox_api_token: pve.credentials.apiToken,
      proxmox_insecure: true,
      proxmox_ssh_username: pve.credentials.sshUsername,
      proxmox_ssh_private_key: pve.credentials.sshPrivateKey,
      proxmox_node: "pve",
      template_vm_id: 9000,
      ansible_repo_url: "https://git.example/ansible.git",
      ...variables,
    });
  }

  /** Writes a stack of an app as the folder's configuration. */
  public use(build: (app: App) => TerraformStack): void {
    const outdir = mkdtempSync(join(tmpdir(), "nexus-pull-lab-"));
    const warn = jest.spyOn(console, "warn").mockImplementation(() => undefined);
    try {
      const app = new App({ outdir, stackTraces: false });
      const stack = build(app);
      app.synth();
      const json = readFileSync(join(outdir, "stacks", stack.node.id, "cdk.tf.json"), "utf8");
      this.folder.write(`${STACK_FOLDER}/cdk.tf.json`, json);
      this.folder.write(`${STACK_FOLDER}/terraform.tfvars.json`, { ...placeholders(json), ...this.variables });
    } finally {
      warn.mockRestore();
      rmSync(outdir, { recursive: true, force: true });
    }
  }

  /** Writes a stack "lab" with the variables, the provider and what is built into it. */
  public set(build: Build): void {
    this.use((app) => {
      const stack = new TerraformStack(app, "lab");
      LocalStateBackend.relative(stack);
      const vars = new NexusVariables(stack);
      useSshPorts(vars.provider(), this.pve);
      build(stack, vars);
      return stack;
    });
  }

  /** Runs tofu to its end, whatever its exit status. */
  public try(args: readonly string[], options: TofuOptions = {}): Promise<Outcome> {
    return this.folder.try(args, { subfolder: STACK_FOLDER, env: this.env, ...options });
  }

  /** Runs tofu; any exit status but 0 is an error with the whole output. */
  public run(args: readonly string[], options: TofuOptions = {}): Promise<string> {
    return this.folder.run(args, { subfolder: STACK_FOLDER, env: this.env, ...options });
  }

  public init(): Promise<string> {
    return this.run(["init"]);
  }

  public apply(...args: string[]): Promise<string> {
    return this.run(["apply", "-auto-approve", ...args]);
  }

  public destroy(): Promise<string> {
    return this.run(["destroy", "-auto-approve"]);
  }

  /** A plan, as OpenTofu shows it. */
  public async planJson(...args: string[]): Promise<Plan> {
    await this.run(["plan", "-out=plan.bin", ...args], { timeoutMs: PLAN_MS });
    return JSON.parse(await this.run(["show", "-json", "plan.bin"])) as Plan;
  }

  /** What a plan would change; empty when there is no difference. */
  public async plan(...args: string[]): Promise<PlannedChange[]> {
    const { resource_changes: changes = [] } = await this.planJson(...args);
    return changes
      .map(({ address, type, change }) => ({ address, type, actions: change.actions }))
      .filter(({ actions }) => actions.join() !== "no-op");
  }

  /** What is on the cluster beside its templates. */
  public left(): { readonly vms: number[]; readonly volumes: string[] } {
    const { cluster } = this.pve;
    const vms = [...cluster.vms.values()].filter((vm) => vm.config.get("template") !== "1").map((vm) => vm.vmid);
    const volumes = [...cluster.storages.values()].flatMap((store) =>
      [...store.volumes].flatMap(([node, named]) =>
        [...named.keys()].filter((name) => !name.includes("base-")).map((name) => `${node} ${store.id}:${name}`),
      ),
    );
    return { vms, volumes };
  }

  /**
   * Ends it all.
   *
   * @throws Error - an answer of the stand-in was not as Proxmox describes it
   */
  public async stop(): Promise<void> {
    await this.pve.stop();
    this.folder.remove();
    const problems = this.answerProblems();
    if (problems.length > 0) throw new Error(`not as Proxmox describes its answers:\n${problems.join("\n")}`);
  }
}

/** Nothing on the cluster but its templates. */
export const NOTHING = { vms: [], volumes: [] };
