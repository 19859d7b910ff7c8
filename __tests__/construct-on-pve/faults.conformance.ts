// Named faults while VMs are made, edited and destroyed, each with a VM of its own in one stack: OpenTofu ends with an error,
// says of each VM what happened, leaves nothing on the cluster that it does not know of, and the next apply puts it right.
import { addTemplate, storage, type Cluster } from "../../lab/pve/world/cluster";
import { Git, NexusVmPull } from "../../lib";
import { describeWith } from "../support/suites";
import { caseOf, FAULTS, idsOf, type FaultCase, type Trouble } from "./faults/cases";
import { LAB_TOOLS, LabStack, NOTHING } from "./stack";

type Operation = "create" | "update" | "destroy";

const NAMES = Object.keys(FAULTS);
const slug = (name: string): string => `f${String(NAMES.indexOf(name)).padStart(2, "0")}`;

/** Names of the faults that there are during an operation. */
function during(operation: Operation): string[] {
  return NAMES.filter((name) => caseOf(name)[operation] !== undefined);
}

function prepare(cluster: Cluster): void {
  const pve = cluster.nodes.get("pve");
  if (pve !== undefined) cluster.nodes.set("pve3", { ...pve, name: "pve3" });
  cluster.storages.set("lvm-full", storage("lvm-full", "lvmthin", ["images"]));
  cluster.storages.set("plain", storage("plain", "dir", ["images", "snippets"]));
  for (const name of NAMES) {
    const node = caseOf(name).props?.nodeName ?? "pve";
    const golden = { node, name: `golden-${slug(name)}`, storage: "local-lvm", sizeGib: 8, ctime: 0 };
    addTemplate(cluster, { ...golden, vmid: idsOf(name).template });
  }
}

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail: string;
  readonly address?: string;
}

function diagnosticsIn(output: string): Diagnostic[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => (JSON.parse(line) as { diagnostic?: Diagnostic }).diagnostic)
    .filter((one) => one?.severity === "error") as Diagnostic[];
}

describeWith(LAB_TOOLS, "faults on the stand-in", () => {
  jest.setTimeout(400_000);
  let lab: LabStack;

  beforeAll(async () => {
    lab = await LabStack.start({ prepare }, { proxmox_ssh_username: "terraform" });
  });

  afterAll(() => lab?.stop());

  function use(edited: boolean): void {
    lab.set((stack, vars) => {
      for (const name of NAMES) {
        const { props, edit = { description: "edited" } } = caseOf(name);
        const ids = idsOf(name);
        new NexusVmPull(stack, slug(name), {
          name: slug(name),
          nodeName: "pve",
          templateVmId: ids.template,
          vmId: ids.vm,
          source: Git.https(vars.ansibleRepoUrl),
          // Not its 84 kB in each of so many seeds.
          agent: "image",
          ...props,
          ...(edited ? edit : {}),
        });
      }
    });
  }

  const withState = (trouble: Trouble | undefined, broken: boolean) => trouble?.state?.(lab.pve.cluster, broken);

  /** Runs tofu with the faults of an operation. What it says of each VM, by the fault's name. */
  async function troubled(operation: Operation): Promise<{ status: number | null; said: Record<string, string> }> {
    const troubles = NAMES.map((name) => caseOf(name)[operation]);
    for (const trouble of troubles) {
      trouble?.plans?.forEach((plan) => lab.pve.faults.add(plan));
      withState(trouble, true);
    }
    const command = operation === "destroy" ? "destroy" : "apply";
    const { status, stdout } = await lab.try([command, "-auto-approve", "-json", "-parallelism=15"], {
      timeoutMs: 300_000,
    });
    lab.pve.faults.clear();
    for (const trouble of troubles) withState(trouble, false);
    const said: Record<string, string> = {};
    for (const { summary, detail, address = "" } of diagnosticsIn(stdout)) {
      const name = NAMES.find((one) => address.includes(`.${slug(one)}_`)) ?? address;
      said[name] = `${said[name] ?? ""}${summary} ${detail}`.replace(/\s+/g, " ");
    }
    return { status, said };
  }

  function expectSaid(operation: Operation, said: Record<string, string>): void {
    const expected = during(operation).map((name) => {
      const { says } = (caseOf(name) as Required<FaultCase>)[operation];
      return [name, expect.stringMatching(says)];
    });
    expect(said).toEqual(Object.fromEntries(expected));
  }

  const isStranger = (vmid: number) => lab.pve.cluster.vms.get(vmid)?.config.get("name") === "stranger";

  /** Everything that the cluster has of the VMs that are somebody else's. */
  const strangers = () =>
    [...lab.pve.cluster.vms.values()]
      .filter(({ vmid }) => isStranger(vmid))
      .map(({ vmid, node, config, pending, running }) => ({
        vmid,
        node,
        config: [...config],
        pending: [...pending],
        running,
      }));

  /** VMs on the cluster of which the state knows nothing. */
  async function orphans(): Promise<number[]> {
    const state = await lab.run(["show", "-json"]);
    const known = new Set([...state.matchAll(/"vm_id":(\d+)/g)].map(([, id]) => Number(id)));
    return lab.left().vms.filter((vmid) => !isStranger(vmid) && !known.has(vmid));
  }

  async function settles(): Promise<void> {
    await lab.run(["apply", "-auto-approve", "-parallelism=15"], { timeoutMs: 300_000 });
    expect(await lab.plan()).toEqual([]);
    expect(lab.left().vms.filter((vmid) => !isStranger(vmid))).toHaveLength(NAMES.length);
  }

  it("are at least eight in each operation, and eight are the same in all", () => {
    for (const operation of ["create", "update", "destroy"] as const)
      expect(during(operation).length).toBeGreaterThanOrEqual(8);
    expect(
      during("create").filter((name) => [during("update"), during("destroy")].every((all) => all.includes(name)))
        .length,
    ).toBeGreaterThanOrEqual(8);
  });

  it("create: each is said of its VM, nothing is orphaned, and the next apply makes what is missing", async () => {
    use(false);
    await lab.init();
    const { status, said } = await troubled("create");
    expect(status).toBe(1);
    expectSaid("create", said);
    expect(await orphans()).toEqual([]);
    const before = strangers();
    expect(before).toHaveLength(2);
    await settles();
    expect(strangers()).toEqual(before);
  });

  it("update: each is said of its VM, which stays the same one, and the next apply finishes the edit", async () => {
    const before = new Map(lab.pve.cluster.vms);
    use(true);
    const { status, said } = await troubled("update");
    expect(status).toBe(1);
    expectSaid("update", said);
    await settles();
    expect(lab.pve.cluster.vms.size).toBe(before.size);
    expect([...lab.pve.cluster.vms.values()].every((vm) => before.get(vm.vmid) === vm)).toBe(true);
  });

  it("destroy: each is said of its VM, which stays in the state, and everything can be made and destroyed again", async () => {
    const { status, said } = await troubled("destroy");
    expect(status).toBe(1);
    // The provider names no resource when it fails to delete one.
    for (const name of during("destroy")) expect(said[""]).toMatch(caseOf(name).destroy?.says ?? "");
    const left = during("destroy").map((name) => idsOf(name).vm);
    expect(
      lab
        .left()
        .vms.filter((vmid) => !isStranger(vmid))
        .sort(),
    ).toEqual(left);
    expect(await orphans()).toEqual([]);
    await settles();
    await lab.run(["destroy", "-auto-approve", "-parallelism=15"], { timeoutMs: 300_000 });
    for (const vmid of lab.left().vms.filter(isStranger)) lab.pve.cluster.vms.delete(vmid);
    expect(lab.left()).toEqual(NOTHING);
  });
});
