// The main claim, with the real tofu and the real provider: apply ends when the VM runs, an edit never replaces it,
// destroy leaves nothing.
import { Git, NexusVmPull, type NexusVmPullProps } from "../../lib";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack, NOTHING, type Build } from "./stack";

function vm(props: Partial<NexusVmPullProps> = {}): Build {
  return (stack, vars) => {
    new NexusVmPull(stack, "nexus", {
      name: "nexus-01",
      nodeName: vars.proxmoxNode,
      templateVmId: vars.templateVmId,
      source: Git.https(vars.ansibleRepoUrl),
      diskGiB: 10,
      ...props,
    });
  };
}

describeWith(LAB_TOOLS, "a VM's life on the stand-in", () => {
  let lab: LabStack;
  let endedMs = 0;
  const theVm = () => lab.pve.cluster.vms.get(100);

  beforeAll(async () => {
    lab = await LabStack.start();
    lab.set(vm());
    await lab.init();
  });

  afterAll(() => lab?.stop());

  it("applies, and returns with a VM that runs and two snippets", async () => {
    lab.pve.faults.add({ fault: { kind: "slow-task", ms: 2000 }, match: "qmclone" });
    lab.pve.faults.add({ fault: { kind: "slow-task", ms: 2000 }, match: "qmstart" });
    const began = Date.now();
    await lab.apply();
    endedMs = Date.now();
    expect(endedMs - began).toBeGreaterThan(4000);
    expect(theVm()?.running).toBeDefined();
    expect(lab.left().volumes.sort()).toEqual([
      "pve local-lvm:vm-100-cloudinit",
      "pve local-lvm:vm-100-disk-0",
      "pve local:snippets/nexus-pull-lab-nexus-01-meta-data.yaml",
      "pve local:snippets/nexus-pull-lab-nexus-01-user-data.yaml",
    ]);
  });

  it("waits for the clone and the start and for nothing in the guest, whose agent never answers", () => {
    expect(theVm()?.guest).toMatchObject({ agent: false, addresses: [] });
    const requests = lab.pve.log.all();
    const started = requests.findIndex(({ route }) => route?.endsWith("/status/start"));
    expect(requests.filter(({ route }) => route?.includes("/agent/"))).toEqual([]);
    // Nothing is changed or asked for after the start; the provider only reads what it made.
    expect(requests.slice(started + 1).filter(({ method }) => method !== "GET")).toEqual([]);
    const start = lab.pve.world.tasks.list("pve").find(({ type }) => type === "qmstart");
    expect(endedMs - (start?.endtime ?? 0) * 1000).toBeLessThan(60_000);
  });

  it("gives the guest the seed that the construct wrote, with the pinned instance-id", () => {
    expect(theVm()?.seed?.userData).toContain("#cloud-config");
    expect(theVm()?.seed?.metaData).toContain(theVm()?.seed?.instanceId);
  });

  it("plans nothing afterwards", async () => {
    expect(await lab.plan()).toEqual([]);
  });

  const EDITS: [string, Partial<NexusVmPullProps>][] = [
    ["tags", { tags: ["web", "Prod"] }],
    ["description", { tags: ["web", "Prod"], description: "edited" }],
    ["memory", { tags: ["web", "Prod"], description: "edited", memoryMiB: 4096 }],
    ["the snippet", { tags: ["web", "Prod"], description: "edited", memoryMiB: 4096, extraVars: { a: 1 } }],
    ["the disk", { tags: ["web"], description: "edited", memoryMiB: 4096, extraVars: { a: 1 }, diskGiB: 20 }],
  ];

  it.each(EDITS)("edits %s in place: the same VM runs on, and the next plan is empty", async (_name, props) => {
    const before = theVm();
    lab.set(vm(props));
    const planned = await lab.plan();
    expect(planned).not.toEqual([]);
    expect(planned.filter(({ type }) => type.endsWith("_vm")).flatMap(({ actions }) => actions)).not.toContain(
      "delete",
    );
    await lab.apply();
    expect(theVm()).toBe(before);
    expect(theVm()?.running).toEqual(before?.running);
    expect(await lab.plan()).toEqual([]);
  });

  it("refuses to resize a running VM's disk together with a setting that waits for the next start", async () => {
    lab.set(vm({ diskGiB: 30, memoryMiB: 8192 }));
    const refused = await lab.try(["apply", "-auto-approve"]);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("cannot resize disks while the VM is running");
    lab.set(vm({ diskGiB: 20, memoryMiB: 8192 }));
    await lab.apply();
    lab.set(vm({ diskGiB: 30, memoryMiB: 8192 }));
    await lab.apply();
    expect(await lab.plan()).toEqual([]);
  });

  it("makes the VM anew when asked by name", async () => {
    const before = theVm();
    const address = (await lab.run(["state", "list"])).split("\n").find((line) => line.includes("environment_vm."));
    await lab.apply(`-replace=${address}`);
    expect([...lab.pve.cluster.vms.values()].filter((one) => one.config.get("template") !== "1")).toHaveLength(1);
    expect(theVm()).not.toBe(before);
    expect(await lab.plan()).toEqual([]);
  });

  it("destroys and leaves no VM, no disk, no snippet", async () => {
    await lab.destroy();
    expect(lab.left()).toEqual(NOTHING);
  });
});
