// For the rows of the prop table: props before and after an edit of that prop alone.
import { type TerraformStack, TerraformVariable } from "cdktf";
import {
  ChangePolicy,
  Git,
  type NexusVariables,
  type NexusVmPullProps,
  Schedule,
  Seed,
  Signature,
  Vault,
} from "../../lib";
import { PEM, SSH_KEY } from "../support/matrix";

type Props = Partial<NexusVmPullProps>;
type Edit = readonly [before: Props, after: Props];

const OTHER_KEY = SSH_KEY.replace("ops@example", "other@example");
const KEYRING = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZtest\n-----END PGP PUBLIC KEY BLOCK-----\n";
const OTHER_PEM = PEM.replace("TUlJ", "TUlK");
const HOST = "git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b";
const REPOSITORY = "https://git.example/ops/ansible.git";
const SSH_REPOSITORY = "git@git.example:ops/ansible.git";

function changed<T>(key: keyof NexusVmPullProps, before: T, after: T): Edit {
  return [{ [key]: before }, { [key]: after }];
}

type NicProps = NonNullable<NexusVmPullProps["network"]>[number];

function nic(before: Partial<NicProps>, after: Partial<NicProps>): Edit {
  return changed("network", [{ bridge: "vmbr0", ...before }], [{ bridge: "vmbr0", ...after }]);
}

type DiskProps = NonNullable<NexusVmPullProps["dataDisks"]>[number];

// The boot disk is declared too: without it, provider 0.111.1 takes an edit of a data disk for a wish to delete it.
function disk(before: Partial<DiskProps>, after: Partial<DiskProps>): Edit {
  return [
    { diskGiB: 10, dataDisks: [{ sizeGiB: 4, ...before }] },
    { diskGiB: 10, dataDisks: [{ sizeGiB: 4, ...after }] },
  ];
}

function git(before: Parameters<typeof Git.https>[1], after: Parameters<typeof Git.https>[1]): Edit {
  return [{ source: Git.https(REPOSITORY, before) }, { source: Git.https(REPOSITORY, after) }];
}

type CloudConfig = NonNullable<NexusVmPullProps["cloudConfig"]>;

function cloud(before: CloudConfig, after: CloudConfig): Edit {
  return changed("cloudConfig", before, after);
}

function file(before: object, after: object): Edit {
  const base = { path: "/etc/motd", content: "aGVsbG8=" };
  return cloud({ write_files: [{ ...base, ...before }] }, { write_files: [{ ...base, ...after }] });
}

function existing(name: string): Seed {
  return Seed.existingSnippet({ userData: `local:snippets/${name}.yaml` });
}

const HARDWARE: Record<string, Edit> = {
  vmId: changed("vmId", 500, 501),
  templateVmId: changed("templateVmId", 9000, 9001),
  fullClone: changed("fullClone", true, false),
  cloneRetries: changed("cloneRetries", 1, 2),
  cores: changed("cores", 2, 4),
  sockets: changed("sockets", 1, 2),
  cpuType: changed("cpuType", "host", "x86-64-v3"),
  memoryMiB: changed("memoryMiB", 2048, 4096),
  balloonMiB: [
    { memoryMiB: 4096, balloonMiB: 1024 },
    { memoryMiB: 4096, balloonMiB: 2048 },
  ],
  diskGiB: changed("diskGiB", 10, 12),
  dataDisks: [{ diskGiB: 10 }, { diskGiB: 10, dataDisks: [{ sizeGiB: 4 }] }],
  "dataDisks[].sizeGiB": disk({ sizeGiB: 4 }, { sizeGiB: 6 }),
  "dataDisks[].discard": disk({ discard: true }, { discard: false }),
  "dataDisks[].ssd": disk({ ssd: false }, { ssd: true }),
  "dataDisks[].backup": disk({ backup: true }, { backup: false }),
  network: changed("network", [{ bridge: "vmbr0" }], [{ bridge: "vmbr0" }, { bridge: "vmbr1" }]),
  "network[].bridge": nic({}, { bridge: "vmbr1" }),
  "network[].vlanId": nic({}, { vlanId: 20 }),
  "network[].macAddress": nic({ macAddress: "BC:24:11:00:0A:01" }, { macAddress: "BC:24:11:00:0A:02" }),
  "network[].model": nic({}, { model: "e1000" }),
  "network[].firewall": nic({}, { firewall: true }),
  "network[].mtu": nic({ mtu: 1500 }, { mtu: 1400 }),
  "network[].rateLimitMBps": nic({}, { rateLimitMBps: 10 }),
  "network[].address": nic({ address: "192.0.2.10/24" }, { address: "192.0.2.11/24" }),
  "network[].gateway": nic(
    { address: "192.0.2.20/24", gateway: "192.0.2.1" },
    { address: "192.0.2.20/24", gateway: "192.0.2.2" },
  ),
  "network[].address6": nic({ address6: "auto" }, { address6: "dhcp" }),
  dns: [{}, { dns: { servers: ["192.0.2.53"] } }],
  "dns.servers": changed("dns", { servers: ["192.0.2.53"] }, { servers: ["192.0.2.54"] }),
  "dns.domain": changed("dns", { domain: "a.example" }, { domain: "b.example" }),
  tags: changed("tags", ["a"], ["b"]),
  description: changed("description", "one", "two"),
  pool: changed("pool", "ops", "dev"),
  startup: [{}, { startup: { order: 1 } }],
  "startup.order": changed("startup", { order: 1 }, { order: 2 }),
  "startup.upDelaySeconds": changed("startup", { order: 1, upDelaySeconds: 1 }, { order: 1, upDelaySeconds: 2 }),
  "startup.downDelaySeconds": changed("startup", { order: 1, downDelaySeconds: 1 }, { order: 1, downDelaySeconds: 2 }),
  startOnBoot: changed("startOnBoot", true, false),
  started: changed("started", true, false),
  protection: changed("protection", true, false),
  bios: changed("bios", "seabios", "ovmf"),
  machine: [{}, { machine: "q35" }],
  scsiHardware: changed("scsiHardware", "virtio-scsi-single", "virtio-scsi-pci"),
  shutdownTimeoutSeconds: changed("shutdownTimeoutSeconds", 60, 90),
  rebootAfterUpdate: changed("rebootAfterUpdate", false, true),
  seed: [{ seed: existing("c") }, { seed: Seed.snippet() }],
  "seed.userData": [{ seed: existing("a") }, { seed: existing("b") }],
  "seed.url": [{ seed: Seed.url("https://seed.example/x/") }, { seed: Seed.url("https://seed.example/y/") }],
  "seed.datastore": [{ seed: Seed.snippet() }, { seed: Seed.snippet({ datastore: "shared" }) }],
  "seed.nodeName": [
    { seed: Seed.snippet({ datastore: "shared", nodeName: "pve" }) },
    { seed: Seed.snippet({ datastore: "shared", nodeName: "pve2" }) },
  ],
  changePolicy: [{}, { changePolicy: ChangePolicy.newInstance() }],
};

const SIGNERS = (key: string) => Signature.sshAllowedSigners([`ops@example ${key}`]);

const SOURCE: Record<string, Edit> = {
  source: [{}, { source: Git.https("https://git.example/other.git") }],
  "source.url": [{ source: Git.https(REPOSITORY) }, { source: Git.https("https://git.example/other.git") }],
  "source.ref": git({ ref: "main" }, { ref: "next" }),
  "source.commit": git({ commit: "a".repeat(40) }, { commit: "b".repeat(40) }),
  "source.caCertificate": git({ caCertificate: PEM }, { caCertificate: OTHER_PEM }),
  "source.signature": git({}, { signature: SIGNERS(SSH_KEY) }),
  "source.signature.allowedSigners": git({ signature: SIGNERS(SSH_KEY) }, { signature: SIGNERS(OTHER_KEY) }),
  "source.signature.object": git(
    { signature: Signature.gpgKeyring(KEYRING, "tag") },
    { signature: Signature.gpgKeyring(KEYRING, "commit") },
  ),
  "source.requirements": git({ requirements: "a.yml" }, { requirements: "b.yml" }),
  playbooks: changed("playbooks", ["a.yml"], ["b.yml"]),
  inventory: changed("inventory", "a.ini", "b.ini"),
  extraVars: changed("extraVars", { a: 1 }, { a: 2 }),
  ansibleTags: changed("ansibleTags", ["a"], ["b"]),
  ansibleSkipTags: changed("ansibleSkipTags", ["a"], ["b"]),
  mode: [{}, { mode: "audit" }],
  runTimeout: changed("runTimeout", "1h", "2h"),
  schedule: changed("schedule", Schedule.every("15m"), Schedule.every("20m")),
  sshAuthorizedKeys: changed("sshAuthorizedKeys", [SSH_KEY], [OTHER_KEY]),
  users: [{}, { users: [{ name: "ops" }] }],
  "users[].name": changed("users", [{ name: "ops" }], [{ name: "oper" }]),
  "users[].sudo": changed("users", [{ name: "ops" }], [{ name: "ops", sudo: "ALL=(ALL) NOPASSWD:ALL" }]),
  "users[].shell": changed("users", [{ name: "ops" }], [{ name: "ops", shell: "/bin/sh" }]),
  "users[].groups": changed("users", [{ name: "ops" }], [{ name: "ops", groups: ["adm"] }]),
  cloudConfig: [{}, { cloudConfig: { packages: ["jq"] } }],
  "cloudConfig.packages": cloud({ packages: ["jq"] }, { packages: ["curl"] }),
  "cloudConfig.runcmd": cloud({ runcmd: ["a"] }, { runcmd: ["b"] }),
  "cloudConfig.bootcmd": cloud({ bootcmd: ["a"] }, { bootcmd: ["b"] }),
  "cloudConfig.package_update": cloud({ package_update: true }, { package_update: false }),
  "cloudConfig.write_files[].path": file({}, { path: "/etc/other" }),
  "cloudConfig.write_files[].content": file({}, { content: "eA==" }),
  "cloudConfig.write_files[].encoding": file({}, { encoding: "b64" }),
  "cloudConfig.write_files[].permissions": file({ permissions: "0644" }, { permissions: "0600" }),
};

function withSecrets(stack: TerraformStack, vars: NexusVariables): Record<string, Edit> {
  const secret = (name: string): string =>
    new TerraformVariable(stack, name, { type: "string", sensitive: true }).stringValue;
  const key = secret("edit_deploy_key");
  const ssh = (options: object) => Git.ssh(SSH_REPOSITORY, { deployKey: key, knownHosts: [HOST], ...options });
  const base = { address: "https://vault.example:8200", roleId: "role", wrappedSecretId: secret("edit_wrapped") };
  const gitToken = { path: "secret/data/git", field: "token" };
  const vault = (options: object) => Vault.appRole({ ...base, gitToken, ...options });
  return {
    "source.token": git({}, { token: vars.gitToken }),
    "source.username": git({ token: vars.gitToken }, { token: vars.gitToken, username: "oauth2" }),
    "source.knownHosts": [{ source: ssh({}) }, { source: ssh({ knownHosts: [HOST, HOST.replace("git.", "git2.")] }) }],
    vaultPassword: [{}, { vaultPassword: secret("edit_vault_password") }],
    vault: [{}, { vault: vault({}) }],
    "vault.roleId": [{ vault: vault({}) }, { vault: vault({ roleId: "other" }) }],
    "vault.namespace": [{ vault: vault({}) }, { vault: vault({ namespace: "ops" }) }],
  };
}

/** The edits by row. */
export function edits(stack: TerraformStack, vars: NexusVariables): Record<string, Edit> {
  return { ...HARDWARE, ...SOURCE, ...withSecrets(stack, vars) };
}
