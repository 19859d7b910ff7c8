import { TerraformStack, TerraformVariable, type App } from "cdktf";
import {
  ChangePolicy,
  Git,
  LocalStateBackend,
  NexusVariables,
  NexusVmPull,
  type NexusVmPullProps,
  Receiver,
  Schedule,
  Seed,
  Signature,
  Vault,
} from "../../lib";

/** A syntactically right certificate; nothing is verified with it. */
export const PEM = "-----BEGIN CERTIFICATE-----\nTUlJQnRlc3RjZXJ0aWZpY2F0ZQ==\n-----END CERTIFICATE-----\n";
export const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b ops@example";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const KEYRING = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZtest\n-----END PGP PUBLIC KEY BLOCK-----\n";

/** What a case may use besides plain values. */
export interface CaseContext {
  readonly stack: TerraformStack;
  readonly vars: NexusVariables;
  /** The value of a sensitive variable of its own. */
  secret(name: string): string;
  receiver(options?: { literal?: boolean; wait?: boolean }): Receiver;
}

export type MatrixCase = (context: CaseContext) => Partial<NexusVmPullProps>;

const https = (context: CaseContext, options: Parameters<typeof Git.https>[1] = {}) =>
  Git.https(context.vars.ansibleRepoUrl, options);

/** One prop set for every way in which a VM can be asked for; real OpenTofu, the provider and cloud-init see each. */
export const MATRIX: Record<string, MatrixCase> = {
  minimal: () => ({}),
  "everything from variables": (c) => ({
    datastore: c.vars.vmDatastore,
    network: [{ bridge: c.vars.networkBridge }],
    seed: Seed.snippet({ datastore: c.vars.snippetsDatastore }),
    source: https(c, { token: c.vars.gitToken }),
    receiver: c.receiver(),
  }),
  "static addresses": () => ({
    network: [
      {
        bridge: "vmbr0",
        address: "192.0.2.10/24",
        gateway: "192.0.2.1",
        address6: "2001:db8::10/64",
        gateway6: "fe80::1",
      },
    ],
    dns: { servers: ["192.0.2.53", "2001:db8::53"], domain: "example.com" },
  }),
  "IPv6 only": () => ({ network: [{ bridge: "vmbr0", address6: "auto" }] }),
  "several interfaces": () => ({
    network: [
      { bridge: "vmbr0", vlanId: 20, macAddress: "BC:24:11:00:00:01", firewall: true },
      { bridge: "vmbr1", model: "e1000", mtu: 9000, rateLimitMBps: 100, address: "198.51.100.7/28" },
      { bridge: "vmbr1", address6: "dhcp", mtu: 1 },
    ],
    dns: { servers: ["198.51.100.1"] },
  }),
  "linked clone": () => ({ fullClone: false, templateNodeName: "pve" }),
  "template on another node": () => ({ templateNodeName: "pve2", cloneRetries: 5 }),
  disks: () => ({
    diskGiB: 60,
    dataDisks: [
      { sizeGiB: 100 },
      { sizeGiB: 10, interface: "virtio1", datastore: "ceph", discard: false, ssd: true, backup: false },
    ],
  }),
  "UEFI on q35": () => ({
    bios: "ovmf",
    machine: "q35",
    cpuType: "host",
    sockets: 2,
    cores: 4,
    memoryMiB: 8192,
    balloonMiB: 4096,
  }),
  "Proxmox options": () => ({
    vmId: 210,
    tags: ["Nexus", "prod", "nexus"],
    pool: "ops",
    description: 'line one\nline two: ${not} %{a template} "quoted" 🦊',
    startup: { order: 3, upDelaySeconds: 30, downDelaySeconds: 60 },
    startOnBoot: false,
    started: false,
    protection: true,
    shutdownTimeoutSeconds: 30,
    rebootAfterUpdate: true,
    scsiHardware: "virtio-scsi-pci",
    diskInterface: "virtio0",
    // The stand-in's template boots from scsi0.
    overrule: ["boot_slot_differs"],
    diskGiB: 20,
  }),
  users: () => ({
    sshAuthorizedKeys: [SSH_KEY],
    users: [
      { name: "ops", sshAuthorizedKeys: [SSH_KEY], groups: ["adm", "sudo"], sudo: "ALL=(ALL) NOPASSWD:ALL" },
      { name: "audit", shell: "/usr/sbin/nologin" },
    ],
  }),
  "cloud-config of one's own": () => ({
    cloudConfig: {
      package_update: true,
      packages: ["jq", ["nginx", "1.22.1-9"]],
      write_files: [
        { path: "/etc/motd", content: 'say "hi" ${USER} %{http_code} \\d\n# not a comment: x\n', permissions: "0644" },
        { path: "/etc/blob", content: "aGVsbG8=", encoding: "b64", owner: "root:root", append: true, defer: true },
      ],
      runcmd: ["echo one: two", ["sh", "-c", 'printf "%s\\n" "${HOME}"']],
      bootcmd: ["echo mine"],
      mounts: [["/dev/vdb", "/srv", "ext4", "defaults,nofail", "0", "2"]],
      ca_certs: { trusted: [PEM] },
      apt: { proxy: "http://proxy.example:3128" },
      timezone: "Europe/Berlin",
      ntp: { enabled: true, servers: ["ntp.example.com"] },
    },
  }),
  "Git over ssh": (c) => ({
    source: Git.ssh("git@git.example:ops/ansible.git", {
      ref: "release/1.x",
      deployKey: c.secret("deploy_key"),
      knownHosts: ["git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b"],
      signature: Signature.gpgKeyring(KEYRING, "tag"),
    }),
    vaultPassword: c.secret("vault_password"),
  }),
  "pinned and signed commit": (c) => ({
    source: https(c, {
      commit: COMMIT,
      token: c.secret("token"),
      username: "oauth2",
      caCertificate: PEM,
      requirements: "requirements.yml",
      signature: Signature.sshAllowedSigners([`ops@example ${SSH_KEY}`]),
    }),
    playbooks: ["nexus.yml", "roles/extra/site.yml"],
    inventory: "inventories/prod/hosts.ini",
  }),
  Vault: (c) => ({
    vault: Vault.appRole({
      address: "https://vault.example:8200",
      roleId: "7c2e5a2e-0000-4000-8000-000000000001",
      wrappedSecretId: c.secret("wrapped_secret_id"),
      namespace: "ops",
      caCertificate: PEM,
      gitToken: { path: "secret/data/git", field: "token" },
      vaultPassword: { path: "secret/data/ansible", field: "vault_password" },
      extraVars: { path: "secret/data/ansible", field: "vars" },
    }),
  }),
  "Ansible settings": () => ({
    extraVars: { nexus_port: 8081, nexus_ha: false, nothing: null, list: ["a", 1.5], nested: { "k:ey": "${x} %{y}" } },
    ansibleTags: ["install", "config"],
    ansibleSkipTags: ["slow"],
    mode: "audit",
    runTimeout: "2h",
    bootstrapTimeout: "1h",
    ansibleCore: { minimum: "2.16", pip: "2.18.6" },
    schedule: Schedule.every("15m", { jitter: "1m" }),
  }),
  "receiver by literal address": (c) => ({
    receiver: c.receiver({ literal: true }),
    waitForConfigured: { timeout: "20m" },
  }),
  "existing snippet": () => ({
    seed: Seed.existingSnippet({
      userData: "local:snippets/nexus-01.yaml",
      metaData: "local:snippets/nexus-01-meta.yaml",
    }),
  }),
  "seed at a URL": () => ({ seed: Seed.url("https://seed.example/nexus-01/") }),
  "agent of the image, in another fleet": () => ({
    agent: "image",
    fleet: "Edge.1",
    seed: Seed.snippet({ datastore: "shared", nodeName: "pve3" }),
    cloudConfig: { package_upgrade: true, ca_certs: { remove_defaults: true, trusted: [PEM] } },
  }),
  "Vault for a deploy key": (c) => ({
    source: Git.ssh("ssh://git@git.example/ops/ansible.git", {
      knownHosts: ["git.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b"],
    }),
    vault: Vault.appRole({
      address: "https://vault.example:8200",
      roleId: "role",
      wrappedSecretId: c.secret("wrapped"),
      mount: "auth/nexus",
      deployKey: { path: "secret/data/git", field: "key" },
    }),
  }),
  "schedule without jitter, one variable as an extra variable": (c) => ({
    schedule: Schedule.every("20m"),
    extraVars: { node: c.vars.proxmoxNode, sentence: `on ${c.vars.proxmoxNode}: "yes"` },
  }),
  "replacing policy": () => ({ changePolicy: ChangePolicy.replaceVm() }),
  "new-instance policy": (c) => ({ changePolicy: ChangePolicy.newInstance(), receiver: c.receiver() }),
};

/** A stack with the VMs of the named cases, each under its own name. */
export function matrixStack(app: App, id: string, cases: Record<string, MatrixCase>): Record<string, NexusVmPull> {
  const stack = new TerraformStack(app, id);
  LocalStateBackend.relative(stack);
  const vars = new NexusVariables(stack);
  vars.provider();
  let receiver: Receiver | undefined;
  let counter = 0;
  const context: CaseContext = {
    stack,
    vars,
    secret: (name) =>
      new TerraformVariable(stack, `${name}_${counter}`, { type: "string", sensitive: true }).stringValue,
    receiver: ({ literal = false } = {}) =>
      literal
        ? new Receiver(stack, "literal-receiver", {
            fleet: `${id}-literal`,
            webhookUrl: "https://receiver.example:9191/webhook",
            secret: vars.webhookSecret,
            caCertificate: PEM,
            overdueAfter: "45m",
          })
        : (receiver ??= new Receiver(stack, "receiver", { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret })),
  };
  const vms = Object.entries(cases).map(([label, make]) => {
    counter += 1;
    const name = `vm-${String(counter).padStart(2, "0")}`;
    return [
      label,
      new NexusVmPull(stack, name, {
        name,
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl),
        ...make(context),
      }),
    ] as const;
  });
  return Object.fromEntries(vms);
}
