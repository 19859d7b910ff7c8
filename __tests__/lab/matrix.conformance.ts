// Every way in which a VM can be asked for: applied, planned again without a difference, destroyed with nothing left.
import { TerraformStack, type App } from "cdktf";
import { addTemplate, storage, type Cluster } from "../../lab/pve/cluster";
import { writeSnippet } from "../../lab/pve/snippets";
import { ProxmoxProvider } from "../../lib/proxmox/resource-types";
import { MATRIX, matrixStack, type MatrixCase } from "../support/matrix";
import { describeWith } from "../support/tools";
import { LabStack, NOTHING, useSshPorts } from "./stack";

/** What the stand-in needs otherwise than the case says it. */
const OTHERWISE: Record<string, MatrixCase> = {
  // A VM id is one per cluster: the template on the other node has another one than the variable names.
  "template on another node": (c) => ({ ...MATRIX["template on another node"]?.(c), templateVmId: 9100 }),
};

// Nothing listens at the literal receiver's address; the receiver's own suite has one that does.
const NOT_HERE = ["receiver by literal address"];

const CASES: Record<string, MatrixCase> = Object.fromEntries(
  Object.entries({ ...MATRIX, ...OTHERWISE }).filter(([label]) => !NOT_HERE.includes(label)),
);

const EXISTING = ["nexus-01.yaml", "nexus-01-meta.yaml"];

function prepare(cluster: Cluster): void {
  const pve = cluster.nodes.get("pve");
  if (pve !== undefined) cluster.nodes.set("pve3", { ...pve, name: "pve3" });
  cluster.storages.set("shared", storage("shared", "nfs", ["images", "snippets"], true));
  const golden = { storage: "local-lvm", sizeGib: 8, ctime: 0 };
  addTemplate(cluster, { ...golden, vmid: 9000, node: "pve", name: "golden" });
  addTemplate(cluster, { ...golden, vmid: 9100, node: "pve2", name: "golden2" });
  cluster.pools.set("ops", { vms: new Set(), storages: new Set() });
  cluster.storages.get("local")?.snippetsFolder.add("pve");
  for (const name of EXISTING)
    writeSnippet(cluster, "pve", `/var/lib/vz/snippets/${name}`, Buffer.from("instance-id: x\n"), 0);
}

function build(lab: LabStack, cases: Record<string, MatrixCase>): (app: App) => TerraformStack {
  return (app) => {
    const vms = matrixStack(app, "lab", cases);
    const stack = TerraformStack.of(Object.values(vms)[0] ?? app);
    for (const child of stack.node.findAll()) if (child instanceof ProxmoxProvider) useSshPorts(child, lab.pve);
    return stack;
  };
}

describeWith(["tofu", "tofurc", "provider-mirror"], "the matrix of props on the stand-in", () => {
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
    expect(lab.left().vms).toHaveLength(Object.keys(CASES).length);
  });

  it("plans nothing afterwards", async () => {
    expect(await lab.plan()).toEqual([]);
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
