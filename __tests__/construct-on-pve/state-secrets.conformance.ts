// Which secrets a state in S3 and a plan file hold in clear, after a real apply. docs/phase2-ha-backend.md has the same list.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TerraformStack, TerraformVariable } from "cdktf";
import { deriveVmKey } from "@nexus-pull/contract";
import { Git, NexusVariables, NexusVmPull, Receiver, S3StateBackend } from "../../lib";
import { RecordingReceiver } from "../../lab/services/recording-receiver";
import { readDocument, section } from "../support/document";
import { startS3, type S3Server } from "../../lab/services/s3";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack, useSshPorts } from "./stack";

const SECRETS: Record<string, string> = {
  proxmox_password: "canary-proxmox-password",
  git_token: "canary-git-token",
  webhook_secret: "canary-webhook-secret-of-the-operator",
  deploy_key: "canary-deploy-key",
  vault_password: "canary-vault-password",
};

/** All of it as text, with what is base64 in it decoded. */
function readable(text: string): string {
  const encoded = [...text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].map(([part]) => part);
  return [text, ...encoded.map((part) => Buffer.from(part, "base64").toString("utf8"))].join("\n");
}

function namesIn(text: string, values: Readonly<Record<string, string>>): string[] {
  const all = readable(text);
  return Object.keys(values).filter((name) => all.includes(values[name] ?? ""));
}

describeWith([...LAB_TOOLS, "versitygw"], "what state and plan hold in clear", () => {
  const receiver = new RecordingReceiver([SECRETS.webhook_secret ?? ""]);
  let s3: S3Server;
  let lab: LabStack;
  let values: Record<string, string>;

  beforeAll(async () => {
    s3 = await startS3();
    await receiver.start();
    lab = await LabStack.start({}, { ...SECRETS, webhook_url: receiver.webhookUrl });
    values = {
      ...SECRETS,
      proxmox_api_token: lab.pve.credentials.apiToken,
      proxmox_ssh_private_key: JSON.stringify(lab.pve.credentials.sshPrivateKey).slice(1, -1),
      "the VM's own key": deriveVmKey(SECRETS.webhook_secret ?? "", "lab", "nexus-01"),
    };
    lab.use((app) => {
      const stack = new TerraformStack(app, "lab");
      S3StateBackend.minio(stack, { bucket: s3.bucket, endpoint: s3.endpoint });
      const vars = new NexusVariables(stack);
      useSshPorts(vars.provider(), lab.pve);
      const secret = (name: string): string =>
        new TerraformVariable(stack, name, { type: "string", sensitive: true }).stringValue;
      const common = { nodeName: vars.proxmoxNode, templateVmId: vars.templateVmId };
      new NexusVmPull(stack, "nexus", {
        ...common,
        name: "nexus-01",
        source: Git.https(vars.ansibleRepoUrl, { token: vars.gitToken }),
        vaultPassword: secret("vault_password"),
        receiver: new Receiver(stack, "receiver", { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret }),
      });
      const knownHosts = [
        "git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b",
      ];
      new NexusVmPull(stack, "other", {
        ...common,
        name: "other-01",
        source: Git.ssh("git@git.example:ops/ansible.git", { deployKey: secret("deploy_key"), knownHosts }),
      });
      return stack;
    });
    const env = { env: s3.env };
    await lab.run(["init"], env);
    await lab.run(["plan", "-out=plan.bin"], env);
    await lab.run(["apply", "plan.bin"], env);
  });

  afterAll(async () => {
    await lab?.stop();
    await receiver.stop();
    await s3?.stop();
  });

  it("finds in the state what travels in a seed, and nothing else", () => {
    const state = readFileSync(join(s3.folder, "lab/terraform.tfstate"), "utf8");
    expect(namesIn(state, values)).toEqual(["git_token", "deploy_key", "vault_password", "the VM's own key"]);
  });

  it("finds in a plan file the value of every variable besides", async () => {
    const plan = await lab.run(["show", "-json", "plan.bin"], { env: s3.env });
    expect(namesIn(plan, values).sort()).toEqual(Object.keys(values).sort());
  });

  it("shows none of them to whoever reads the output of a plan", async () => {
    expect(namesIn(await lab.run(["show", "plan.bin"], { env: s3.env }), values)).toEqual([]);
    expect(namesIn(await lab.run(["show"], { env: s3.env }), values)).toEqual([]);
  });

  it("is what the documents say, one by one", () => {
    const table = section(readDocument("docs/phase2-ha-backend.md"), "What state and plan hold in clear");
    const rows = table.split("\n").filter((line) => line.startsWith("| "));
    const inState = readFileSync(join(s3.folder, "lab/terraform.tfstate"), "utf8");
    for (const name of Object.keys(values)) {
      const [, , state, plan] = rows.find((row) => row.includes(name))?.split("|") ?? [];
      expect([name, state?.trim().startsWith("yes")]).toEqual([name, namesIn(inState, values).includes(name)]);
      expect([name, plan?.trim()]).toEqual([name, "yes"]);
    }
  });
});
