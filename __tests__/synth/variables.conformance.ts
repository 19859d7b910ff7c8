// The variables of an existing terraform.tfvars: what they refuse, and where their secrets can be read.
import type { App, TerraformStack } from "cdktf";
import { MATRIX, matrixStack } from "../support/matrix";
import { MORE_TFVARS, TFVARS } from "../support/matrix-values";
import { synthJson } from "../support/synth";
import { TofuFolder } from "../../lab/host/tofu";
import { describeWith } from "../support/suites";

const LABELS = ["everything from variables", "Git over ssh", "Vault"];
const CANARIES: Record<string, string> = {
  proxmox_password: "canary-proxmox-password",
  proxmox_api_token: "root@pam!ci=canary-proxmox-api-token",
  proxmox_ssh_private_key: "canary-proxmox-ssh-private-key",
  git_token: "canary-git-token",
  webhook_secret: "canary-webhook-secret",
  deploy_key_2: "canary-deploy-key",
  vault_password_2: "canary-vault-password",
  wrapped_secret_id_3: "canary-wrapped-secret-id",
};
const env = Object.fromEntries(Object.entries(CANARIES).map(([name, value]) => [`TF_VAR_${name}`, value]));

function folderWith(tfvars: string): TofuFolder {
  const json = synthJson((app: App) => {
    matrixStack(app, "matrix", Object.fromEntries(Object.entries(MATRIX).filter(([label]) => LABELS.includes(label))));
    return app.node.findChild("matrix") as TerraformStack;
  });
  return new TofuFolder({ "cdk.tf.json": json, "terraform.tfvars": tfvars });
}

/** terraform.tfvars without the secrets, which come from the environment, and with one line changed. */
function withValue(name: string, value: string): string {
  const lines = MORE_TFVARS.split("\n").filter((line) => !(line.split(" ")[0] ?? "").match(`^(${name})$`));
  return `${lines.join("\n")}\n${name} = ${value}\n`;
}

describeWith(["tofu", "tofurc"], "variables", () => {
  let folder: TofuFolder;
  beforeAll(async () => {
    folder = folderWith(MORE_TFVARS);
    await folder.run(["init"]);
  });
  afterAll(() => folder.remove());

  it.each([
    ["proxmox_endpoint", '"https://root:pw@pve.example:8006"', "must be an address such as https://pve.example:8006"],
    ["proxmox_username", '"root"', "must have its realm, for example root@pam"],
    ["proxmox_api_token", '"secret-alone"', "must look like user@realm!id=secret"],
    ["proxmox_insecure", '"maybe"', "bool"],
    ["proxmox_node", '"not a node"', "must be the name of a node"],
    ["template_vm_id", "99", "must be a whole number from 100 to 999999999"],
    ["template_vm_id", "9000.5", "must be a whole number from 100 to 999999999"],
    ["ansible_repo_url", '"https://user:pw@git.example/a.git"', "a token belongs in git_token"],
    ["ansible_repo_url", '"https://git.example/a b.git"', "git_url_invalid"],
    ["ansible_repo_url", '"https://git.example/a\\tb.git"', "git_url_invalid"],
    ["ansible_repo_url", '"git@git.example:ops/a b.git"', "git_url_invalid"],
    ["ansible_repo_url", '"ssh://git.example/a.git "', "git_url_invalid"],
    ["webhook_url", '"https://receiver.example/hook"', "must be the receiver's full POST address"],
    ["webhook_secret", '""', "webhook_url is set but webhook_secret is not"],
  ])("refuses %s = %s and says why", async (name, value, message) => {
    const others = Object.fromEntries(Object.entries(env).filter(([variable]) => variable !== `TF_VAR_${name}`));
    folder.write("terraform.tfvars", withValue(name, value));
    const outcome = await folder.try(["plan", "-refresh=false"], { env: others });
    expect(outcome.status).toBe(1);
    // OpenTofu folds messages at the width of a terminal.
    expect(outcome.stderr.replace(/\s+│?\s*/g, " ")).toContain(message);
  });

  it("fails when a plan shows a secret, or holds one in clear that the seed does not need", async () => {
    const ofMine = Object.keys(CANARIES).join("|");
    folder.write("terraform.tfvars", MORE_TFVARS.replace(new RegExp(`^(${ofMine}) .*$`, "gm"), ""));
    const human = await folder.run(["plan", "-refresh=false", "-out=plan.out"], { env });
    for (const value of Object.values(CANARIES)) expect(human).not.toContain(value);
    const plan = JSON.parse(await folder.run(["show", "-json", "plan.out"])) as { planned_values: unknown };
    const planned = seedsOf(plan.planned_values);
    const readable = Object.keys(CANARIES).filter((name) => planned.includes(CANARIES[name] ?? ""));
    // The state holds what the plan plans: these are what docs and design decision 6 speak of, and no others.
    expect(readable).toEqual(["git_token", "deploy_key_2", "vault_password_2", "wrapped_secret_id_3"]);
  });

  it("fails when the six variables alone are not enough for a plan", async () => {
    folder.write("terraform.tfvars", TFVARS);
    const own = Object.fromEntries(Object.entries(env).filter(([name]) => /_\d+$/.test(name)));
    await expect(folder.run(["plan", "-refresh=false"], { env: own })).resolves.toContain("Plan:");
  });
});

/** All text of a plan, with what is base64 in it decoded. */
function seedsOf(value: unknown): string {
  const text = JSON.stringify(value);
  const encoded = [...text.matchAll(/[A-Za-z0-9+/]{200,}={0,2}/g)].map(([part]) => part);
  return [text, ...encoded.map((part) => Buffer.from(part, "base64").toString("utf8"))].join("\n");
}
