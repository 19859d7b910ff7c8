// The prop table (docs/reference/props.json) against the real provider: each row's edit does to a VM that runs what the
// table says, and the plan after it is empty. One VM a row, all edited at once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addTemplate, storage, type Cluster } from "../../lab/pve/cluster";
import { writeSnippet } from "../../lab/pve/snippets";
import { Git, NexusVmPull } from "../../lib";
import { describeWith, REPOSITORY } from "../support/tools";
import { edits } from "./edits";
import { LAB_TOOLS, LabStack, type PlannedChange } from "./stack";

type Effect = "in-place" | "replaces" | "create-only";

const TABLE = new Map(
  (
    JSON.parse(readFileSync(join(REPOSITORY, "docs", "reference", "props.json"), "utf8")) as {
      prop: string;
      effect: Effect;
    }[]
  ).map(({ prop, effect }) => [prop, effect]),
);

function prepare(cluster: Cluster): void {
  cluster.storages.set("shared", storage("shared", "nfs", ["images", "snippets"], true));
  for (const vmid of [9000, 9001])
    addTemplate(cluster, { vmid, node: "pve", name: `golden-${vmid}`, storage: "local-lvm", sizeGib: 8, ctime: 0 });
  cluster.storages.get("local")?.snippetsFolder.add("pve");
  for (const name of ["a", "b", "c"])
    writeSnippet(cluster, "pve", `/var/lib/vz/snippets/${name}.yaml`, Buffer.from("#cloud-config\n"), 0);
  for (const name of ["ops", "dev"]) cluster.pools.set(name, { vms: new Set(), storages: new Set() });
}

describeWith(LAB_TOOLS, "the prop table on the stand-in", () => {
  jest.setTimeout(300_000);
  let lab: LabStack;
  let rows: string[] = [];
  let planned: PlannedChange[] = [];

  const nameOf = (row: string): string => `row-${String(rows.indexOf(row)).padStart(3, "0")}`;

  /** A stack with one VM for each row, before or after its edit. */
  function use(when: 0 | 1): void {
    lab.set((stack, vars) => {
      const all = edits(stack, vars);
      rows = Object.keys(all);
      for (const [row, edit] of Object.entries(all)) {
        new NexusVmPull(stack, nameOf(row), {
          name: nameOf(row),
          nodeName: vars.proxmoxNode,
          templateVmId: vars.templateVmId,
          source: Git.https(vars.ansibleRepoUrl),
          ...edit[when],
        });
      }
    });
  }

  beforeAll(async () => {
    lab = await LabStack.start({ prepare });
    use(0);
    await lab.init();
    await lab.run(["apply", "-auto-approve", "-parallelism=8"], { timeoutMs: 280_000 });
  });

  afterAll(() => lab?.stop());

  function effectOn(row: string): Effect {
    const own = planned.filter(({ address }) => address.includes(`.${nameOf(row)}_`));
    const vm = own.find(({ type }) => type.endsWith("environment_vm"));
    if (vm?.actions.includes("delete") === true) return "replaces";
    return own.length === 0 ? "create-only" : "in-place";
  }

  it("has rows that are in the table", () => {
    expect(rows.filter((row) => !TABLE.has(row))).toEqual([]);
    expect(rows.length).toBeGreaterThan(80);
  });

  it("plans for each edited row what the table says", async () => {
    use(1);
    planned = await lab.plan();
    const got = Object.fromEntries(rows.map((row) => [row, effectOn(row)]));
    expect(got).toEqual(Object.fromEntries(rows.map((row) => [row, TABLE.get(row)])));
  });

  it("applies the edits, and plans nothing afterwards", async () => {
    await lab.run(["apply", "-auto-approve", "-parallelism=8"], { timeoutMs: 280_000 });
    expect(await lab.plan()).toEqual([]);
  });
});
