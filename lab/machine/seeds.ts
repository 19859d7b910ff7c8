// A machine's seed as the construct writes it and real OpenTofu evaluates it: the texts that Proxmox VE would get.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, TerraformStack } from "cdktf";
import { Git, LocalStateBackend, NexusVariables, NexusVmPull, Receiver, type NexusVmPullProps } from "../../lib";
import { TofuFolder } from "../host/tofu";
import { GitServer } from "../services/git-server";
import { HOST, type SeedTexts } from "./machine";

export const FLEET = "vmtest";
export const SECRET = "operator-secret-of-the-vm-suite";

export interface Addresses {
  readonly gitPort: number;
  readonly receiverPort: number;
}

/** Props of a machine besides where it is, its source and its receiver. */
export type VmProps = Omit<Partial<NexusVmPullProps>, "name" | "source" | "receiver">;

function synthesize(vms: Readonly<Record<string, VmProps>>, ref: string): string {
  const outdir = mkdtempSync(join(tmpdir(), "nexus-pull-vm-synth-"));
  try {
    const app = new App({ outdir, stackTraces: false });
    const stack = new TerraformStack(app, FLEET);
    LocalStateBackend.relative(stack);
    const vars = new NexusVariables(stack);
    vars.provider();
    const receiver = new Receiver(stack, "receiver", { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret });
    const common = { nodeName: vars.proxmoxNode, templateVmId: vars.templateVmId, receiver };
    const source = Git.https(vars.ansibleRepoUrl, { ref, token: vars.gitToken, insecureHttp: true });
    for (const [name, props] of Object.entries(vms)) {
      new NexusVmPull(stack, name, { ...common, source, playbooks: ["site.yml"], ...props, name });
    }
    app.synth();
    return readFileSync(join(outdir, "stacks", FLEET, "cdk.tf.json"), "utf8");
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

interface Plan {
  readonly planned_values: {
    readonly root_module: {
      readonly resources: readonly {
        readonly type: string;
        readonly values: { readonly source_raw?: readonly { readonly data: string; readonly file_name: string }[] };
      }[];
    };
  };
}

/** Plans a stack of machines, by name, and reads the snippets that it would upload. */
export async function planSeeds<Name extends string>(
  vms: Readonly<Record<Name, VmProps>>,
  { gitPort, receiverPort }: Addresses,
  ref = "main",
): Promise<Record<Name, SeedTexts>> {
  const folder = new TofuFolder({ "cdk.tf.json": synthesize(vms, ref) });
  const env = {
    TF_VAR_proxmox_endpoint: "https://127.0.0.1:1",
    TF_VAR_proxmox_username: "root@pam",
    TF_VAR_proxmox_password: "unused",
    TF_VAR_proxmox_node: "pve",
    TF_VAR_template_vm_id: "9000",
    TF_VAR_ansible_repo_url: `http://${HOST}:${gitPort}${GitServer.path}`,
    TF_VAR_webhook_url: `http://${HOST}:${receiverPort}/webhook`,
    TF_VAR_webhook_secret: SECRET,
  };
  try {
    await folder.run(["init", "-input=false"], { env });
    await folder.run(["plan", "-refresh=false", "-out=plan"], { env });
    const plan = JSON.parse(await folder.run(["show", "-json", "plan"], { env })) as Plan;
    const files = plan.planned_values.root_module.resources.flatMap(({ values }) => values.source_raw ?? []);
    const text = (name: string, kind: string): string => {
      const found = files.find((file) => file.file_name === `nexus-pull-${FLEET}-${name}-${kind}.yaml`);
      if (found === undefined) throw new Error(`the plan has no ${kind} of ${name}`);
      return found.data;
    };
    const seeds = Object.keys(vms).map((name) => [
      name,
      { userData: text(name, "user-data"), metaData: text(name, "meta-data") },
    ]);
    return Object.fromEntries(seeds) as Record<Name, SeedTexts>;
  } finally {
    folder.remove();
  }
}
