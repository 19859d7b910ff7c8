// An existing stack, with a provider, a backend and a VM of its own. The last construct is what nexus-vm-pull adds to it.
import { App, S3Backend, TerraformStack, TerraformVariable } from "cdktf";
import { Git, NexusVmPull } from "nexus-vm-pull";
import { ProxmoxProvider } from "./.gen/providers/proxmox/provider";
import { VirtualEnvironmentVm } from "./.gen/providers/proxmox/virtual-environment-vm";

const app = new App({ stackTraces: false });
const stack = new TerraformStack(app, "platform");

const backend = new S3Backend(stack, {
  bucket: "tofu-state",
  key: "platform.tfstate",
  region: "us-east-1",
  endpoints: { s3: "https://s3.example:9000" },
  usePathStyle: true,
  skipCredentialsValidation: true,
  skipRegionValidation: true,
  skipRequestingAccountId: true,
  skipMetadataApiCheck: true,
});
backend.addOverride("use_lockfile", true);

const text = (name: string, sensitive = false): string =>
  new TerraformVariable(stack, name, { type: "string", sensitive }).stringValue;

// Under an alias, so each VM below has to say that it is its own.
const provider = new ProxmoxProvider(stack, "proxmox", {
  alias: "main",
  endpoint: text("pve_endpoint"),
  apiToken: text("pve_api_token", true),
  insecure: true,
  ssh: { username: "root", privateKey: text("pve_ssh_private_key", true) },
});

new VirtualEnvironmentVm(stack, "database", {
  provider,
  nodeName: "pve",
  name: "database",
  clone: { vmId: 9000, full: true },
  agent: { enabled: true, waitForIp: { disabled: true } },
  stopOnDestroy: true,
});

new NexusVmPull(stack, "nexus", {
  provider,
  name: "nexus-01",
  nodeName: "pve",
  templateVmId: 9000,
  source: Git.https("https://git.example/ops/ansible.git"),
});

app.synth();
