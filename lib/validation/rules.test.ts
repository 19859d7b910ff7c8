import { Token } from "cdktf";
import { Git } from "../ansible-pull/git";
import { Schedule } from "../ansible-pull/schedule";
import { Signature } from "../ansible-pull/signature";
import { Vault } from "../ansible-pull/vault";
import { ChangePolicy } from "../change-policy";
import { Image } from "../proxmox/image";
import { Seed } from "../seed/seed";
import type { NexusVmPullProps } from "../props";
import { describeFinding } from "../errors";
import { findProblems, findWarnings } from ".";

const token = (name: string) =>
  Token.asString({ resolve: () => name, creationStack: [], toString: () => name } as never);

const GOOD: NexusVmPullProps = {
  name: "nexus-01",
  nodeName: "pve",
  templateVmId: 9000,
  source: Git.https("https://git.example/ops/ansible.git"),
};

function codes(props: Partial<NexusVmPullProps>, fleet = "dev"): string[] {
  return findProblems({ ...GOOD, ...props, fleet }).map((finding) => `${finding.code} ${finding.prop}`);
}

const nic = (more: object) => ({ network: [{ bridge: "vmbr0", ...more }] });
const git = (url: string, options = {}) => ({ source: Git.https(url, options) });
const GIT = "https://git.example/ops/ansible.git";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBhx2T1m9z1YwS0rYcQm0m7q8l8p3vN0v7o3yqf2Jk1b ops@example";

const image = (url: string, checksum: Parameters<typeof Image.url>[1]) => ({
  templateVmId: undefined,
  image: Image.url(url, checksum),
});
const IMAGE = Image.url("https://images.example/debian-13.qcow2", { sha512: "0".repeat(128) });

describe("props that are accepted", () => {
  test.each<[string, Partial<NexusVmPullProps>]>([
    ["an image and no template", { templateVmId: undefined, image: IMAGE }],
    ["data disks beside an image's own", { templateVmId: undefined, image: IMAGE, dataDisks: [{ sizeGiB: 1 }] }],
    ["an image without a checksum, by name", image("http://images.example/a.img", { unverified: true })],
    ["an image on a storage", { templateVmId: undefined, image: Image.existing("local:import/a.qcow2") }],
    ["static addresses on an ISO image", { ...nic({ address: "192.0.2.9/24" }), seed: Seed.iso() }],
    ["only what is required", {}],
    ["a one-letter name", { name: "a" }],
    ["the largest numbers", { templateVmId: 999_999_999, cores: 512, sockets: 4 }],
    ["an IPv6 link-local gateway", nic({ address6: "2001:db8::1/64", gateway6: "fe80::1" })],
    ["a /31 with its other end as gateway", nic({ address: "192.0.2.0/31", gateway: "192.0.2.1" })],
    ["as many sockets as the provider takes", { sockets: 16 }],
    ["a fraction of a rate", nic({ rateLimitMBps: 0.5 })],
    ["a host route's gateway", nic({ address: "198.51.100.7/32", gateway: "203.0.113.1" })],
    ["an IPv6 host route's gateway", nic({ address6: "2001:db8:1::7/128", gateway6: "2001:db8::1" })],
    ["a machine with an IOMMU", { machine: "q35,viommu=virtio" }],
    ["a pinned machine", { machine: "pc-q35-9.2+pve1" }],
    [
      "plain http with a signature",
      git("http://git.example/a.git", { signature: Signature.sshAllowedSigners(["a ssh-ed25519 AAAA"]) }),
    ],
    ["plain http by name", git("http://git.example/a.git", { insecureHttp: true })],
    ["a linked clone on its template's node", { fullClone: false, templateNodeName: "pve" }],
    [
      "a git URL over ssh",
      { source: Git.ssh("git@git.example:ops/a.git", { knownHosts: ["git.example ssh-ed25519 AAAA"] }) },
    ],
    ["a key with options", { sshAuthorizedKeys: [`from="192.0.2.0/24",no-pty ${KEY}`] }],
    ["nested cloud-config", { cloudConfig: { apt: { proxy: "http://proxy:3128" }, runcmd: [["echo", "${HOME}"]] } }],
    ["a jitter as long as the interval", { schedule: Schedule.every("5m", { jitter: "5m" }) }],
    ["an ansible-core as new as the oldest that will do", { ansibleCore: { minimum: "2.18", pip: "2.18.0rc1" } }],
    [
      "an older series with a longer number",
      { ansibleCore: { minimum: "2.9", pip: "2.18.6" }, bootstrapTimeout: "1d" },
    ],
    ["a replacing policy", { changePolicy: ChangePolicy.replaceVm() }],
  ])("%s", (_label, props) => expect(codes(props)).toEqual([]));

  test("tokens, whatever they may become", () => {
    const value = token("${var.x}");
    expect(
      codes({
        name: value,
        nodeName: value,
        templateVmId: Token.asNumber({ resolve: () => 1, creationStack: [] } as never),
        network: [{ bridge: value, address: value, gateway: value, macAddress: value }],
        source: Git.https(value, { token: value, ref: value, commit: value }),
        sshAuthorizedKeys: [value],
        tags: [value],
        ansibleCore: { minimum: "2.18", pip: value },
      }),
    ).toEqual([]);
  });
});

describe("props that are refused", () => {
  test.each<[expected: string, props: Partial<NexusVmPullProps>]>([
    ["vm_name_invalid name", { name: "Nexus" }],
    ["vm_name_invalid name", { name: "nexus-" }],
    ["vm_name_invalid name", { name: "a".repeat(64) }],
    ["vm_name_invalid name", { name: "nexus\n" }],
    ["vm_name_invalid name", { name: undefined as never }],
    ["number_out_of_range templateVmId", { templateVmId: 99 }],
    ["origin_invalid templateVmId", { templateVmId: undefined }],
    ["origin_invalid templateVmId", { image: IMAGE }],
    ["origin_invalid fullClone", { templateVmId: undefined, image: IMAGE, fullClone: true }],
    ["image_invalid image", image("ftp://images.example/a.qcow2", { unverified: true })],
    ["image_invalid image", image("https://user:secret@images.example/a.qcow2", { unverified: true })],
    ["image_invalid image", { templateVmId: undefined, image: Image.existing("local:iso/a.img") }],
    ["image_invalid image", { templateVmId: undefined, image: Image.existing("local:import/a (1).qcow2") }],
    ["image_unverified image", image("https://images.example/a.qcow2", {} as never)],
    ["image_checksum_invalid image.sha256", image("https://images.example/a.qcow2", { sha256: "A".repeat(64) })],
    ["image_checksum_invalid image.sha512", image("https://images.example/a.qcow2", { sha512: "a".repeat(64) })],
    ["image_too_large diskGiB", { templateVmId: undefined, image: IMAGE, diskGiB: 9 }],
    ["number_out_of_range cores", { cores: 1.5 }],
    ["number_out_of_range cores", { cores: "4" as never }],
    ["number_out_of_range memoryMiB", { memoryMiB: 0 }],
    ["number_out_of_range balloonMiB", { memoryMiB: 1024, balloonMiB: 2048 }],
    ["number_out_of_range network[0].vlanId", nic({ vlanId: 4095 })],
    ["number_out_of_range network[0].mtu", nic({ mtu: 100 })],
    ["number_out_of_range startup.order", { startup: { order: -1 } }],
    ["choice_invalid bios", { bios: "uefi" as never }],
    ["choice_invalid mode", { mode: "check" as never }],
    ["choice_invalid agent", { agent: "none" as never }],
    ["choice_invalid network[0].model", nic({ model: "ne2000" })],
    ["string_invalid nodeName", { nodeName: "" }],
    ["string_invalid network[0].bridge", { network: [{ bridge: "vmbr0,tag=1" }] }],
    ["string_invalid dns.domain", { dns: { servers: ["192.0.2.1"], domain: "a b" } }],
    ["tag_invalid tags[0]", { tags: ["a;b"] }],
    ["tag_invalid ansibleTags[0]", { ansibleTags: ["-x"] }],
    ["address_invalid network[0].address", nic({ address: "192.0.2.10" })],
    ["address_invalid network[0].address", nic({ address: "2001:db8::1/64" })],
    ["address_invalid network[0].address", nic({ address: "192.0.2.10/33" })],
    ["address_invalid network[0].address6", nic({ address6: "192.0.2.10/24" })],
    ["address_invalid dns.servers[0]", { dns: { servers: ["dns.example"] } }],
    ["gateway_invalid network[0].gateway", nic({ address: "192.0.2.10/24", gateway: "198.51.100.1" })],
    ["gateway_invalid network[0].gateway", nic({ address: "dhcp", gateway: "192.0.2.1" })],
    ["gateway_invalid network[0].gateway6", nic({ address6: "2001:db8::1/64", gateway6: "192.0.2.1" })],
    ["mac_invalid network[0].macAddress", nic({ macAddress: "01:00:5e:00:00:01" })],
    ["mac_invalid network[0].macAddress", nic({ macAddress: "BC-24-11-00-00-01" })],
    ["network_conflict network[1].address", { network: [0, 1].map(() => ({ bridge: "b", address: "192.0.2.1/24" })) }],
    ["git_url_insecure source.url", git("http://git.example/a.git")],
    ["number_out_of_range sockets", { sockets: 17 }],
    ["number_out_of_range network[0].rateLimitMBps", nic({ rateLimitMBps: 0 })],
    ["string_invalid machine", { machine: "q35,viommu=none" }],
    ["disk_slot_missing dataDisks[1].interface", { diskGiB: 9, dataDisks: [{ sizeGiB: 1 }, { sizeGiB: 2 }] }],
    ["choice_invalid bootDisk.cache", { diskGiB: 9, bootDisk: { cache: "none!" as never } }],
    ["number_out_of_range bootDisk.speed.readMBps", { diskGiB: 9, bootDisk: { speed: { readMBps: 0 } } }],
    ["boot_disk_undeclared diskGiB", { dataDisks: [{ sizeGiB: 1 }] }],
    ["disk_invalid dataDisks[0].interface", { dataDisks: [{ sizeGiB: 1, interface: "ide2" }] }],
    ["disk_invalid dataDisks[0].interface", { dataDisks: [{ sizeGiB: 1, interface: "scsi0" }] }],
    ["linked_clone_cross_node fullClone", { fullClone: false, templateNodeName: "pve2" }],
    ["seed_invalid seed", { seed: Seed.existingSnippet({ userData: "snippets/x.yaml" }) }],
    ["seed_invalid seed", { seed: Seed.url("https://user:pw@seed.example/") }],
    ["seed_invalid seed", { seed: Seed.url("https://seed.example/no-slash") }],
    [
      "seed_network_undeliverable network",
      { seed: Seed.url("https://seed.example/"), ...nic({ address: "192.0.2.1/24" }) },
    ],
    ["ssh_key_invalid sshAuthorizedKeys[0]", { sshAuthorizedKeys: ["~/.ssh/id_ed25519.pub"] }],
    ["ssh_key_invalid users[0].sshAuthorizedKeys[0]", { users: [{ name: "ops", sshAuthorizedKeys: ["x"] }] }],
    ["user_invalid users[0].name", { users: [{ name: "Ops" }] }],
    ["user_invalid users[1].name", { users: [{ name: "ops" }, { name: "ops" }] }],
    ["git_url_invalid source.url", git("https://user:pw@git.example/x.git")],
    ["git_url_invalid source.url", git("git@git.example:x.git")],
    ["git_url_invalid source.url", git("file:///srv/git")],
    ["git_ref_invalid source.ref", git(GIT, { ref: "--upload-pack=x" })],
    ["git_ref_invalid source.ref", git(GIT, { ref: "a..b" })],
    ["git_commit_invalid source.commit", git(GIT, { commit: "abc123" })],
    ["playbook_invalid source.requirements", git(GIT, { requirements: "/etc/x.yml" })],
    ["string_invalid source.knownHosts", { source: Git.ssh("git@git.example:x.git", { knownHosts: [] }) }],
    ["string_invalid source.signature", git(GIT, { signature: Signature.sshAllowedSigners([]) })],
    ["playbook_invalid playbooks", { playbooks: [] }],
    ["playbook_invalid playbooks[0]", { playbooks: ["../site.yml"] }],
    ["playbook_invalid playbooks[0]", { playbooks: ["-e@/etc/shadow"] }],
    ["playbook_invalid playbooks[0]", { playbooks: ["my site.yml"] }],
    ["playbook_invalid inventory", { inventory: "hosts;x" }],
    ["vm_name_invalid name", { name: undefined as never }],
    [
      "cloud_config_reserved_path cloudConfig.write_files[0].path",
      { cloudConfig: { write_files: [{ path: "/etc/cloud/cloud.cfg.d/99.cfg" }] } },
    ],
    [
      "cloud_config_reserved_path cloudConfig.mounts[0]",
      { cloudConfig: { mounts: [["tmpfs", "/var/lib/nexus-pull"]] } },
    ],
    ["cloud_config_reserved_path cloudConfig.mounts[0]", { cloudConfig: { mounts: [["tmpfs", "/etc/"]] } }],
    ["cloud_config_invalid cloudConfig.apt", { cloudConfig: { apt: "x" as never } }],
    ["cloud_config_invalid cloudConfig.ca_certs", { cloudConfig: { ca_certs: [] as never } }],
    ["duration_invalid runTimeout", { runTimeout: "1 hour" }],
    ["duration_invalid bootstrapTimeout", { bootstrapTimeout: "soon" }],
    ["schedule_invalid bootstrapTimeout", { bootstrapTimeout: "2d" }],
    ["ansible_core_invalid ansibleCore.minimum", { ansibleCore: { minimum: ">=2.16" } }],
    ["ansible_core_invalid ansibleCore.minimum", { ansibleCore: { minimum: 2.16 as never } }],
    ["ansible_core_invalid ansibleCore.pip", { ansibleCore: { pip: "2.18" } }],
    ["ansible_core_invalid ansibleCore.pip", { ansibleCore: { minimum: "2.16.4", pip: "2.16.3" } }],
    ["duration_invalid schedule.interval", { schedule: Schedule.every("often") }],
    ["schedule_invalid schedule.interval", { schedule: Schedule.every("10s") }],
    ["schedule_invalid schedule", { schedule: Schedule.every("5m", { jitter: "6m" }) }],
    ["extra_vars_reserved extraVars", { extraVars: { "nexus-port": 1 } }],
    ["certificate_invalid source.caCertificate", git(GIT, { caCertificate: "/etc/ssl/ca.pem" })],
    ["cloud_config_reserved cloudConfig.hostname", { cloudConfig: { hostname: "x" } }],
    ["cloud_config_reserved cloudConfig.cloud_init_modules", { cloudConfig: { cloud_init_modules: [] } }],
    ["cloud_config_reserved cloudConfig.power_state", { cloudConfig: { power_state: { mode: "poweroff" } } }],
    ["cloud_config_invalid cloudConfig.packages", { cloudConfig: { packages: 5 as never } }],
    ["cloud_config_invalid cloudConfig.write_files[0].path", { cloudConfig: { write_files: [{ path: "relative" }] } }],
    ["text_unsafe cloudConfig.runcmd[0]", { cloudConfig: { runcmd: ["e\u0301"] } }],
    ["text_unsafe description", { description: "\ud800" }],
    ["text_unsafe extraVars.a", { extraVars: { a: "nul\0" } }],
    ["text_unsafe extraVars.a", { extraVars: { a: "${TfToken[TOKEN.999999]}" } }],
    ["receiver_missing waitForConfigured", { waitForConfigured: true }],
  ])("%s", (expected, props) => expect(codes(props)).toContain(expected));

  test.each([
    "/etc/nexus-pull/x",
    "/etc//nexus-pull/x",
    "/tmp/../etc/nexus-pull",
    "/usr/local/bin/nexus-pull-agent",
    "//etc/systemd/system/nexus-pull.service",
  ])("a file in our own place: %s", (path) => {
    expect(codes({ cloudConfig: { write_files: [{ path }] } })).toContain(
      "cloud_config_reserved_path cloudConfig.write_files[0].path",
    );
  });

  test("a number token inside a string, which would be lost", () => {
    const number = Token.asNumber({ resolve: () => 8081, creationStack: [] } as never);
    expect(codes({ extraVars: { url: `http://localhost:${number}` } })).toContain("number_token_in_text extraVars.url");
  });

  test("a fleet that could be confused with a path", () => {
    expect(codes({}, "a/b")).toEqual(["fleet_invalid fleet"]);
  });

  test("all problems together", () => {
    expect(codes({ name: "X", cores: 0, memoryMiB: 1, ...nic({ vlanId: 0 }) })).toHaveLength(4);
  });
});

describe("secrets", () => {
  const CANARY = "canary-5f2e";
  const vault = {
    address: "https://vault.example",
    roleId: "role",
    wrappedSecretId: CANARY,
    gitToken: { path: "secret/data/git", field: "token" },
  };

  test.each<[string, Partial<NexusVmPullProps>]>([
    ["source.token", git(GIT, { token: CANARY })],
    ["source.deployKey", { source: Git.ssh("git@git.example:x.git", { deployKey: CANARY, knownHosts: ["x y z"] }) }],
    ["vaultPassword", { vaultPassword: CANARY }],
    ["vault.wrappedSecretId", { vault: Vault.appRole(vault) }],
  ])("%s is refused as a literal, and not shown", (prop, props) => {
    const findings = findProblems({ ...GOOD, ...props, fleet: "dev" });
    expect(findings.map((finding) => `${finding.code} ${finding.prop}`)).toEqual([`secret_literal ${prop}`]);
    expect(findings.map(describeFinding).join()).not.toContain(CANARY);
  });

  test("an address with a password is refused without showing it", () => {
    const findings = findProblems({ ...GOOD, ...git(`https://user:${CANARY}@git.example/x.git`), fleet: "dev" });
    expect(findings.map(describeFinding).join()).not.toContain(CANARY);
  });

  test("a secret that is given twice is refused", () => {
    const secret = token("${var.t}");
    const props = { ...git(GIT, { token: secret }), vault: Vault.appRole({ ...vault, wrappedSecretId: secret }) };
    expect(codes(props)).toEqual(["vault_invalid source.token"]);
  });

  test("one that travels in the seed is warned about", () => {
    const warnings = findWarnings({ ...GOOD, ...git(GIT, { token: token("${var.t}") }) });
    expect(warnings.map((finding) => `${finding.code} ${finding.prop}`)).toEqual(["secret_in_seed source.token"]);
  });
});

test("a static address without dns is warned about", () => {
  expect(findWarnings({ ...GOOD, ...nic({ address: "192.0.2.1/24" }) }).map(({ code }) => code)).toEqual([
    "dns_not_explicit",
  ]);
  expect(findWarnings({ ...GOOD, ...nic({ address: "dhcp" }) })).toEqual([]);
});

test.each<[string, Partial<NexusVmPullProps>, string[]]>([
  ["cloud-init's own pull", { cloudConfig: { ansible: {} } }, ["cloud_config_ansible cloudConfig.ansible"]],
  ["a misspelt key", { cloudConfig: { packges: ["a"] } as never }, ["cloud_config_unknown cloudConfig.packges"]],
  [
    "literals under keys that speak of secrets, never the values",
    {
      cloudConfig: { chpasswd: { users: [{ name: "a", password: "hunter2" }] } },
      extraVars: { db_password: "hunter2" },
    },
    [
      "secret_literal_suspected cloudConfig.chpasswd.users[0].password",
      "secret_literal_suspected extraVars.db_password",
    ],
  ],
  ["an expression of Ansible's", { extraVars: { db_password: "{{ lookup('env', 'X') }}" } }, []],
  [
    "two default routes",
    {
      network: [0, 1].map((n) => ({ bridge: `b${n}`, address: `192.0.2.${n + 1}/24`, gateway: "192.0.2.9" })),
      dns: { servers: [] },
    },
    ["gateway_second network[1].gateway"],
  ],
  [
    "a linked clone whose disk is moved",
    { fullClone: false, datastore: "ceph", diskGiB: 9, bootDisk: {} },
    ["linked_clone_moved datastore"],
  ],
])("warns of %s", (_label, props, expected) => {
  const found = findWarnings({ ...GOOD, ...props });
  expect(found.map(({ code, prop }) => `${code} ${prop}`)).toEqual(expected);
  expect(found.map(describeFinding).join()).not.toContain("hunter2");
});

test("suggests the key that was meant, and says of every text what it expects", () => {
  const [unknown] = findWarnings({ ...GOOD, cloudConfig: { packges: [] } as never });
  expect(unknown && describeFinding(unknown)).toContain("such as packages");
  const wrong = { nodeName: "a b", machine: "x y", pool: "/", inventory: " ", cpuType: "a b", datastore: "a b" };
  for (const finding of findProblems({ ...GOOD, ...wrong, fleet: "dev" }).filter(
    ({ code }) => code === "string_invalid",
  ))
    expect(finding.expected).toMatch(/\S/);
});
