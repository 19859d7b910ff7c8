// Named faults while a VM is made, edited and destroyed: apply says what happened, leaves nothing behind that it does not
// know of, and the next apply puts it right.
import { Git, NexusVmPull } from "../../lib";
import type { FaultPlan } from "../../lab/pve/faults";
import { describeWith } from "../support/tools";
import { LAB_TOOLS, LabStack, NOTHING, type Build } from "./stack";

interface Case {
  readonly name: string;
  readonly plan: FaultPlan;
  /** In the output of the failed run. */
  readonly says: RegExp;
}

const MANY = 1000;
const LOCK = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";

const CREATE: Case[] = [
  {
    name: "the clone's task fails",
    plan: { fault: { kind: "failed-task", text: "no space left on storage 'local-lvm'" }, match: "qmclone" },
    says: /no space left/,
  },
  {
    name: "the lock is not had in the clone's task",
    plan: { fault: { kind: "failed-task", text: LOCK }, match: "qmclone" },
    says: /got timeout/,
  },
  {
    name: "the start's task fails",
    plan: { fault: { kind: "failed-task", text: "start failed: QEMU exited with code 1" }, match: "qmstart" },
    says: /QEMU exited with code 1/,
  },
  { name: "another VM takes the id", plan: { fault: { kind: "vmid-race" } }, says: /config file already exists/ },
  {
    name: "the configuration is refused for want of a privilege",
    plan: {
      fault: { kind: "answer", status: 403, text: "Permission check failed (/vms/100, VM.Config.Disk)" },
      match: "/config$",
      method: "PUT",
      times: MANY,
    },
    says: /Permission check failed/,
  },
  {
    name: "the connection is dropped when the clone is asked for",
    plan: { fault: { kind: "drop" }, match: "/clone$", method: "POST", times: MANY },
    says: /EOF|reset/,
  },
  {
    name: "the ticket is refused",
    plan: { fault: { kind: "expired-ticket" }, match: "nextid", times: MANY },
    says: /401/,
  },
  { name: "SSH lets nobody in", plan: { fault: { kind: "ssh-refused" }, times: MANY }, says: /SSH/ },
];

const UPDATE: Case[] = [
  {
    name: "the lock is not had at once",
    plan: { fault: { kind: "answer", status: 500, text: LOCK }, match: "/config$", method: "PUT", times: MANY },
    says: /got timeout/,
  },
  {
    name: "the proxy says 596",
    plan: {
      fault: { kind: "answer", status: 596, text: "Connection refused" },
      match: "/config$",
      method: "PUT",
      times: MANY,
    },
    says: /596/,
  },
  {
    name: "the gateway says 502",
    plan: {
      fault: { kind: "answer", status: 502, text: "Bad Gateway" },
      match: "/config$",
      method: "PUT",
      times: MANY,
    },
    says: /502/,
  },
];

const DESTROY: Case[] = [
  {
    name: "the stop's task fails",
    plan: { fault: { kind: "failed-task", text: "VM still running" }, match: "qmstop" },
    says: /VM still running/,
  },
  {
    name: "the destroy's task fails",
    plan: { fault: { kind: "failed-task", text: "can't remove volume: device busy" }, match: "qmdestroy" },
    says: /device busy/,
  },
  {
    name: "the privilege is missing",
    plan: {
      fault: { kind: "answer", status: 403, text: "Permission check failed (/vms/100, VM.Allocate)" },
      match: "/qemu/100/?$",
      method: "DELETE",
      times: MANY,
    },
    says: /Permission check failed/,
  },
];

function build(description: string): Build {
  return (stack, vars) => {
    new NexusVmPull(stack, "nexus", {
      name: "nexus-01",
      nodeName: vars.proxmoxNode,
      templateVmId: vars.templateVmId,
      source: Git.https(vars.ansibleRepoUrl),
      cloneRetries: 1,
      description,
    });
  };
}

describeWith(LAB_TOOLS, "faults on the stand-in", () => {
  let lab: LabStack;

  beforeAll(async () => {
    lab = await LabStack.start();
    lab.set(build("one"));
    await lab.init();
  });

  afterAll(() => lab?.stop());

  async function fails(args: readonly string[], { plan, says }: Case): Promise<void> {
    lab.pve.faults.add(plan);
    const outcome = await lab.try([...args, "-auto-approve"]);
    lab.pve.faults.clear();
    expect(outcome.stderr.replace(/\s+/g, " ")).toMatch(says);
    expect(outcome.status).toBe(1);
  }

  /** VMs on the cluster of which the state knows nothing. */
  async function orphans(): Promise<number[]> {
    const state = await lab.run(["show", "-json"]);
    return lab
      .left()
      .vms.filter(
        (vmid) =>
          lab.pve.cluster.vms.get(vmid)?.config.get("name") !== "stranger" &&
          !state.includes(`"vm_id":${vmid}`) &&
          !state.includes(`"id":"${vmid}"`),
      );
  }

  async function settles(): Promise<void> {
    await lab.apply();
    expect(await lab.plan()).toEqual([]);
  }

  it.each(CREATE)("create: $name", async (one) => {
    await fails(["apply"], one);
    expect(await orphans()).toEqual([]);
    await settles();
    await lab.destroy();
    for (const [vmid, vm] of lab.pve.cluster.vms)
      if (vm.config.get("name") === "stranger") lab.pve.cluster.vms.delete(vmid);
    expect(lab.left()).toEqual(NOTHING);
  });

  it("create: the storage is full", async () => {
    const store = lab.pve.cluster.storages.get("local-lvm");
    if (store !== undefined) store.full = true;
    const outcome = await lab.try(["apply", "-auto-approve"]);
    if (store !== undefined) store.full = false;
    expect(outcome.stderr).toMatch(/no space left/);
    expect(outcome.status).toBe(1);
    expect(await orphans()).toEqual([]);
    await settles();
    await lab.destroy();
  });

  it("create: the storage takes no snippets", async () => {
    const store = lab.pve.cluster.storages.get("local");
    const content = store?.content ?? [];
    if (store !== undefined) store.content = content.filter((kind) => kind !== "snippets");
    const outcome = await lab.try(["apply", "-auto-approve"]);
    if (store !== undefined) store.content = content;
    expect(outcome.stderr).toMatch(/snippets/);
    expect(outcome.status).toBe(1);
    await settles();
    await lab.destroy();
  });

  it("create: the SSH user has no sudo, then has it", async () => {
    const other = await LabStack.start({}, { proxmox_ssh_username: "terraform" });
    try {
      other.set(build("one"));
      await other.init();
      other.pve.faults.add({ fault: { kind: "no-sudo" }, times: MANY });
      const outcome = await other.try(["apply", "-auto-approve"]);
      other.pve.faults.clear();
      expect(outcome.stderr).toMatch(/Permission denied/);
      expect(outcome.status).toBe(1);
      await other.apply();
      await other.destroy();
      expect(other.left()).toEqual(NOTHING);
    } finally {
      await other.stop();
    }
  });

  it.each(UPDATE)("update: $name", async (one) => {
    lab.set(build("one"));
    await settles();
    const before = [...lab.pve.cluster.vms.keys()];
    lab.set(build(`edited: ${one.name}`));
    await fails(["apply"], one);
    await settles();
    expect([...lab.pve.cluster.vms.keys()]).toEqual(before);
  });

  it.each(DESTROY)("destroy: $name", async (one) => {
    await settles();
    await fails(["destroy"], one);
    expect(await orphans()).toEqual([]);
    await lab.destroy();
    expect(lab.left()).toEqual(NOTHING);
  });
});
