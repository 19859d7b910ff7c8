// Every way in which a VM can be asked for: applied, planned again without a difference, destroyed with nothing left.
import { TerraformStack, type App } from "cdktf";
import { addTemplate, storage, volumesOn, type Cluster } from "../../lab/pve/world/cluster";
import { writeSnippet } from "../../lab/pve/world/snippets";
import { Seed } from "../../lib";
import { ProxmoxFile, ProxmoxProvider, ProxmoxVm } from "../../lib/proxmox/resource-types";
import { MATRIX, matrixStack, type MatrixCase } from "../support/matrix";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack, NOTHING, useSshPorts } from "./stack";

/** What the stand-in needs otherwise than the case says it. */
const OTHERWISE: Record<string, MatrixCase> = {
  // A VM id is one per cluster: the template on the other node has another one than the variable names.
  "template on another node": (c) => ({ ...MATRIX["template on another node"]?.(c), templateVmId: 9100 }),
  "UEFI on q35": (c) => ({ ...MATRIX["UEFI on q35"]?.(c), templateVmId: 9001 }),
};

/** What only a cluster with storages can tell. */
const MORE: Record<string, MatrixCase> = {
  "DHCP, said so": () => ({ network: [{ bridge: "vmbr0", address: "dhcp", address6: "dhcp" }] }),
  "full clone from another node by shared storage": () => ({
    templateVmId: 9200,
    templateNodeName: "pve2",
    datastore: "ceph",
  }),
  "linked clone from another node by shared storage": () => ({
    templateVmId: 9200,
    templateNodeName: "pve2",
    fullClone: false,
    seed: Seed.snippet({ datastore: "shared" }),
  }),
};

// Nothing listens at the literal receiver's address; the receiver's own suite has one that does.
const NOT_HERE = ["receiver by literal address"];

const CASES: Record<string, MatrixCase> = Object.fromEntries(
  Object.entries({ ...MATRIX, ...OTHERWISE, ...MORE }).filter(([label]) => !NOT_HERE.includes(label)),
);

/** What Proxmox has of a case's VM afterwards. */
const CONFIGURED: Record<string, Record<string, RegExp>> = {
  minimal: {
    ide2: /^local-lvm:vm-\d+-cloudinit,media=cdrom/,
    ipconfig0: /^ip=dhcp/,
    cicustom: /user=local:snippets\//,
  },
  "static addresses": {
    ipconfig0: /^gw=192\.0\.2\.1,gw6=fe80::1,ip=192\.0\.2\.10\/24,ip6=2001:db8::10\/64$/,
    nameserver: /^192\.0\.2\.53 2001:db8::53$/,
  },
  "IPv6 only": { ipconfig0: /^ip6=auto$/ },
  "several interfaces": {
    net0: /^virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,tag=20$/,
    net1: /^e1000=.*bridge=vmbr1,.*mtu=9000,rate=100/,
    net2: /bridge=vmbr1/,
    ipconfig2: /ip6=dhcp/,
  },
  "template on another node": { scsi0: /^local-lvm:vm-\d+-disk-0/ },
  disks: { scsi0: /size=60G/, scsi1: /size=100G/, virtio1: /^ceph:.*backup=0.*size=10G/ },
  "UEFI on q35": { bios: /^ovmf$/, machine: /^q35$/, efidisk0: /^local-lvm:vm-\d+-disk-\d/, balloon: /^4096$/ },
  "Proxmox options": {
    protection: /^1$/,
    virtio0: /size=20G/,
    tags: /^nexus;prod$/,
    startup: /^order=3,up=30,down=60$/,
  },
  "existing snippet": { cicustom: /user=local:snippets\/nexus-01\.yaml/ },
  "seed at a URL": { smbios1: /serial=/ },
  "DHCP, said so": { ipconfig0: /^ip=dhcp,ip6=dhcp$/ },
  "full clone from another node by shared storage": { scsi0: /^ceph:vm-\d+-disk-0/ },
  "linked clone from another node by shared storage": { scsi0: /^ceph:(base-9200-disk-0\/)?vm-\d+-disk-0/ },
};

// As long as a NoCloud image may be at least, and only of bytes that text can hold.
const IMAGE = `${"\0".repeat(16 * 2048)}\u0001CD001\u0001${"\0".repeat(95 * 2048)}#cloud-config\n`.padEnd(
  112 * 2048,
  "\0",
);

/** The fourth way to deliver a seed, by the provider's own resources: an ISO through the API, no SSH anywhere. */
function isoSeed(stack: TerraformStack, image: string): void {
  const common = { nodeName: "pve" };
  const sourceRaw = { fileName: "seed-iso.iso", data: image };
  const file = new ProxmoxFile(stack, "iso", { ...common, datastoreId: "local", contentType: "iso", sourceRaw });
  new ProxmoxVm(stack, "iso-vm", {
    ...common,
    name: ISO_VM,
    clone: { vmId: 9000, datastoreId: "local-lvm", full: true },
    cdrom: { fileId: file.id, interface: "ide2" },
    agent: { enabled: true, waitForIp: { disabled: true } },
    serialDevice: [{ device: "socket" }],
    stopOnDestroy: true,
  });
}

const ISO_VM = "vm-iso";
const EXISTING = ["nexus-01.yaml", "nexus-01-meta.yaml"];

function prepare(cluster: Cluster): void {
  const pve = cluster.nodes.get("pve");
  if (pve !== undefined) cluster.nodes.set("pve3", { ...pve, name: "pve3" });
  cluster.storages.set("shared", storage("shared", "nfs", ["images", "snippets"], true));
  const golden = { storage: "local-lvm", sizeGib: 8, ctime: 0 };
  addTemplate(cluster, { ...golden, vmid: 9000, node: "pve", name: "golden" });
  addTemplate(cluster, { ...golden, vmid: 9100, node: "pve2", name: "golden2" });
  addTemplate(cluster, { ...golden, vmid: 9200, node: "pve2", name: "golden-shared", storage: "ceph" });
  const uefi = { bios: "ovmf", machine: "q35", efidisk0: "local-lvm:base-9001-disk-1,efitype=4m,size=4M" };
  const template = addTemplate(cluster, { ...golden, vmid: 9001, node: "pve", name: "golden-uefi", config: uefi });
  const [store] = [cluster.storages.get("local-lvm")];
  if (store !== undefined)
    volumesOn(store, "pve").set("base-9001-disk-1", {
      content: "images",
      format: "raw",
      size: 4 * 1024 ** 2,
      ctime: 0,
      vmid: template.vmid,
    });
  cluster.pools.set("ops", { vms: new Set(), storages: new Set() });
  cluster.storages.get("local")?.snippetsFolder.add("pve");
  for (const name of EXISTING)
    writeSnippet(cluster, "pve", `/var/lib/vz/snippets/${name}`, Buffer.from("instance-id: x\n"), 0);
}

function build(lab: LabStack, cases: Record<string, MatrixCase>, image = IMAGE): (app: App) => TerraformStack {
  return (app) => {
    const vms = matrixStack(app, "lab", cases);
    const stack = TerraformStack.of(Object.values(vms)[0] ?? app);
    for (const child of stack.node.findAll()) if (child instanceof ProxmoxProvider) useSshPorts(child, lab.pve);
    isoSeed(stack, image);
    return stack;
  };
}

describeWith(LAB_TOOLS, "the matrix of props on the stand-in", () => {
  jest.setTimeout(300_000);
  let lab: LabStack;

  beforeAll(async () => {
    lab = await LabStack.start({ prepare });
    lab.use(build(lab, CASES));
    await lab.init();
  });

  afterAll(() => lab?.stop());

  it("applies all of them at once", async () => {
    await lab.run(["apply", "-auto-approve", "-parallelism=4"], { timeoutMs: 280_000 });
    expect(lab.left().vms).toHaveLength(Object.keys(CASES).length + 1);
    expect(lab.left().vms.length).toBeGreaterThanOrEqual(20);
  });

  const named = (name: string) => [...lab.pve.cluster.vms.values()].find((vm) => vm.config.get("name") === name);
  const caseName = (label: string) => `vm-${String(Object.keys(CASES).indexOf(label) + 1).padStart(2, "0")}`;

  it.each(Object.keys(CONFIGURED))("has in Proxmox what was asked for: %s", (label) => {
    const vm = named(caseName(label));
    expect(vm?.node).toBe("pve");
    const config = Object.fromEntries(vm?.config ?? []);
    const expected = Object.entries(CONFIGURED[label] ?? {}).map(([key, value]) => [key, expect.stringMatching(value)]);
    expect(config).toMatchObject(Object.fromEntries(expected));
  });

  it.each([
    ["linked clone", "local-lvm", "base-9000-disk-0"],
    ["linked clone from another node by shared storage", "ceph", "base-9200-disk-0"],
    ["minimal", "local-lvm", undefined],
  ])("keeps the template's disk as base of a linked clone only: %s", (label, store, base) => {
    const vm = named(caseName(label));
    const volumes = [...(lab.pve.cluster.storages.get(store)?.volumes.values() ?? [])].flatMap((all) => [...all]);
    const disk = volumes.find(([name]) => name.endsWith(`vm-${vm?.vmid}-disk-0`));
    expect(disk?.[1].parent).toBe(base);
  });

  it("runs every VM but the one that was not to be started", () => {
    const stopped = lab.left().vms.filter((vmid) => lab.pve.cluster.vms.get(vmid)?.running === undefined);
    expect(stopped).toEqual([210]);
  });

  const iso = () => lab.pve.cluster.storages.get("local")?.volumes.get("pve")?.get("iso/seed-iso.iso")?.bytes;

  it("uploads a seed as an ISO through the API, byte for byte, and attaches it", () => {
    expect(iso()?.equals(Buffer.from(IMAGE))).toBe(true);
    expect(named(ISO_VM)?.config.get("ide2")).toMatch(/^local:iso\/seed-iso\.iso,media=cdrom/);
    expect(lab.pve.sshCommands.join()).not.toContain("seed-iso");
  });

  it("plans nothing afterwards", async () => {
    expect(await lab.plan()).toEqual([]);
  });

  it("replaces an edited ISO, never its VM", async () => {
    const before = named(ISO_VM);
    const image = IMAGE.replace("#cloud-config\n", "#cloud-config\na: 1\n").slice(0, IMAGE.length);
    lab.use(build(lab, CASES, image));
    await lab.apply("-target=proxmox_virtual_environment_vm.iso-vm", "-target=proxmox_virtual_environment_file.iso");
    expect(iso()?.equals(Buffer.from(image))).toBe(true);
    expect(named(ISO_VM)).toBe(before);
    expect(before?.running).toBeDefined();
    expect(await lab.plan()).toEqual([]);
    lab.use(build(lab, CASES));
  });

  it("leaves a protected VM alone when all is destroyed, and destroys the rest when it is protected no more", async () => {
    const refused = await lab.try(["destroy", "-auto-approve"], { timeoutMs: 280_000 });
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("protection mode enabled");
    expect(lab.left().vms).toEqual([210]);
    lab.use(
      build(lab, { ...CASES, "Proxmox options": (c) => ({ ...CASES["Proxmox options"]?.(c), protection: false }) }),
    );
    const [vm] = (await lab.run(["state", "list"])).split("\n").filter((line) => line.includes("environment_vm."));
    await lab.apply(`-target=${vm}`);
    await lab.destroy();
    const kept = EXISTING.map((name) => `pve local:snippets/${name}`);
    expect({ ...lab.left(), volumes: lab.left().volumes.filter((volume) => !kept.includes(volume)) }).toEqual(NOTHING);
  });
});
