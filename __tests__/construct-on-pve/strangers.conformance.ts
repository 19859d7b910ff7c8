// What is somebody else's stays as it is: a VM whose id this stack asks for, or takes while Proxmox gives it away. With the
// defaults that users have, the real tofu and the real provider.
import { addVm } from "../../lab/pve/world/cluster";
import { Git, NexusVmPull, type NexusVmPullProps } from "../../lib";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack } from "./stack";

const FOREIGN = { name: "someone", cores: "1", memory: "512", net0: "virtio=BC:24:11:0A:0B:0C,bridge=vmbr0" };
const flat = (text: string): string => text.replace(/[\s│╷╵]+/g, " ");

describeWith(LAB_TOOLS, "VMs of somebody else on the stand-in", () => {
  jest.setTimeout(300_000);
  let lab: LabStack;

  beforeAll(async () => {
    lab = await LabStack.start();
    addVm(lab.pve.cluster, 200, "pve2", FOREIGN);
    use({ vmId: 200 });
    await lab.init();
  });

  afterAll(() => lab?.stop());

  function use(props: Partial<NexusVmPullProps>, edit: (vm: NexusVmPull) => void = () => undefined): void {
    lab.set((stack, vars) => {
      const common = { name: "web-01", nodeName: vars.proxmoxNode, templateVmId: vars.templateVmId };
      edit(new NexusVmPull(stack, "web", { ...common, source: Git.https(vars.ansibleRepoUrl), ...props }));
    });
  }

  function seen(vmid: number): unknown {
    const { node, config, pending, running } = lab.pve.cluster.vms.get(vmid) ?? {};
    return { node, config: [...(config ?? [])], pending: [...(pending ?? [])], running };
  }

  it("fails at plan when vmId is another VM's, on whichever node, and says whose and what to do", async () => {
    const before = seen(200);
    for (const command of [["plan"], ["apply", "-auto-approve"]]) {
      const { status, stderr } = await lab.try(command);
      expect(status).toBe(1);
      expect(flat(stderr)).toContain("vm_id_taken: vmId: got the id of someone (VM 200 on pve2)");
      expect(flat(stderr)).toContain("give `vmId` another value, or leave it out");
    }
    expect(seen(200)).toEqual(before);
    expect(lab.left().volumes).toEqual([]);
  });

  // The last two do without the condition: then it is Proxmox that refuses, and the provider that has to take it.
  it.each<[string, Partial<NexusVmPullProps>]>([
    ["the default", { vmId: 200, overrule: ["vm_id_taken"] }],
    ["cloneRetries of an older stack", { vmId: 200, overrule: ["vm_id_taken"], cloneRetries: 5 }],
  ])("fails at apply when Proxmox refuses the id, with %s", async (_label, props) => {
    const before = seen(200);
    use(props);
    const { status, stderr } = await lab.try(["apply", "-auto-approve"]);
    expect(status).toBe(1);
    expect(flat(stderr)).toContain("unable to create VM 200: config file already exists");
    expect(seen(200)).toEqual(before);
    expect(await lab.run(["state", "list"])).not.toContain("environment_vm.");
  });

  it("fails when the id is taken between the provider's question and its request, and takes another one next time", async () => {
    use({ cloneRetries: 3 });
    lab.pve.faults.add({ fault: { kind: "vmid-race", at: "request" } });
    const { status, stderr } = await lab.try(["apply", "-auto-approve"]);
    expect(status).toBe(1);
    expect(flat(stderr)).toContain("config file already exists");
    const stranger = [...lab.pve.cluster.vms.values()].find(({ config }) => config.get("name") === "stranger");
    const before = seen(stranger?.vmid ?? 0);
    await lab.apply();
    expect(await lab.plan()).toEqual([]);
    await lab.destroy();
    expect(seen(stranger?.vmid ?? 0)).toEqual(before);
    lab.pve.cluster.vms.delete(stranger?.vmid ?? 0);
  });

  it("makes, keeps and destroys a VM of its own with vmId; a new name for it needs a word", async () => {
    use({ vmId: 300 });
    await lab.apply();
    expect(await lab.plan()).toEqual([]);
    use({ vmId: 300, name: "web-02" });
    const { status, stderr } = await lab.try(["plan"]);
    expect(status).toBe(1);
    expect(flat(stderr)).toContain('overrule: ["vm_id_taken"]');
    use({ vmId: 300, name: "web-02", overrule: ["vm_id_taken"] });
    await lab.apply();
    use({ vmId: 300, name: "web-02" });
    expect(await lab.plan()).toEqual([]);
    await lab.destroy();
    expect(lab.left().vms).toEqual([200]);
  });

  it("fails, with the way out, when a VM was taken over all the same (the provider's retry, by the escape hatch)", async () => {
    use({}, ({ vm }) => vm.addOverride("clone.retries", 3));
    lab.pve.faults.add({ fault: { kind: "vmid-race", at: "request" } });
    const { status, stderr } = await lab.try(["apply", "-auto-approve"]);
    expect(status).toBe(1);
    expect(flat(stderr)).toContain("vm_foreign: name: got stranger (VM 100 on pve)");
    expect(flat(stderr)).toContain("`tofu state rm`");
    const address = (await lab.run(["state", "list"])).split("\n").find((line) => line.includes("environment_vm."));
    await lab.run(["state", "rm", address ?? ""]);
    await lab.destroy();
    expect(lab.left().vms).toEqual([200, 100]);
  });
});
