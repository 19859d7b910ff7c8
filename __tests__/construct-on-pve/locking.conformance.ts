// Who holds the lock of a state in S3, with real OpenTofu, the real provider and a real S3 server: a second apply is refused,
// and an apply that was killed leaves a lock that the documented command removes. docs/phase2-ha-backend.md shows the output.
import { TerraformStack } from "cdktf";
import { systemClock, type Clock } from "../../lab/pve/world/clock";
import { Git, NexusVmPull, S3StateBackend, NexusVariables } from "../../lib";
import { signalGroup, until, type Outcome, type Running } from "../../lab/host/processes";
import { fencedBlock, readDocument } from "../support/document";
import { startS3, type S3Server } from "../../lab/services/s3";
import { losingProxy, type LosingProxy } from "../../lab/services/losing-proxy";
import { TofuFolder } from "../../lab/host/tofu";
import { npmRunTofu } from "../support/tofu-script";
import { describeWith } from "../support/suites";
import { LAB_TOOLS, LabStack, NOTHING, STACK_FOLDER, useSshPorts } from "./stack";

const KEY = "lab/terraform.tfstate";
const LOCK = `${KEY}.tflock`;
const HELD_MS = 3_600_000;

/** The machine's clock, but for what takes an hour: that ends when it is told to. */
class Gate implements Clock {
  private held: (() => void)[] = [];

  public now(): number {
    return systemClock.now();
  }

  public after(ms: number, callback: () => void): () => void {
    if (ms < HELD_MS) return systemClock.after(ms, callback);
    this.held.push(callback);
    return () => (this.held = this.held.filter((other) => other !== callback));
  }

  public open(): void {
    for (const callback of this.held.splice(0)) callback();
  }
}

const DOCUMENT = readDocument("docs/phase2-ha-backend.md");

/** One line without what differs from run to run, as OpenTofu folds messages at the width of a terminal. */
function flat(text: string): string {
  return text
    .replace(/[\s│╷╵]+/g, " ")
    .replace(/RequestID: .*?, HostID: .*?, api error/g, "RequestID, HostID, api error")
    .replace(/tofu-state\/(lab|dev)/g, "tofu-state/STACK")
    .replace(/(Who|Created): .*? (?=[A-Z]\w+:)/g, "$1: ");
}

const said = (outcome: Outcome): string => flat(outcome.stdout + outcome.stderr);
const WITHOUT_IDS = /[0-9a-f]{8}-[0-9a-f-]{27}/g;

describeWith([...LAB_TOOLS, "versitygw"], "the lock of a state in S3", () => {
  const gate = new Gate();
  let s3: S3Server;
  let lab: LabStack;
  let colleague: TofuFolder;
  let proxy: LosingProxy | undefined;

  function use(endpoint: string, description = "one"): void {
    lab.use((app) => {
      const stack = new TerraformStack(app, "lab");
      S3StateBackend.minio(stack, { bucket: s3.bucket, endpoint });
      const vars = new NexusVariables(stack);
      useSshPorts(vars.provider(), lab.pve);
      new NexusVmPull(stack, "nexus", {
        name: "nexus-01",
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl),
        description,
      });
      return stack;
    });
  }

  const tofu = (...args: string[]): Promise<Outcome> => lab.try(args, { env: s3.env });
  const inColleague = (...args: string[]): Promise<Outcome> =>
    colleague.try(args, { env: s3.env, subfolder: STACK_FOLDER });

  /** An apply that is in the middle of a clone and stays there. */
  async function applyThatHolds(): Promise<Running> {
    lab.pve.faults.add({ fault: { kind: "slow-task", ms: HELD_MS }, match: "qmclone" });
    const running = lab.folder.start(["apply", "-auto-approve"], { env: s3.env, subfolder: STACK_FOLDER });
    await until("the clone is held", () => {
      if (running.child.exitCode !== null) throw new Error(`apply ended:\n${running.output()}`);
      return lab.pve.faults.left === 0;
    });
    expect(s3.keys()).toContain(LOCK);
    return running;
  }

  /** The id that a refusal shows, which force-unlock wants. */
  function lockId(refused: Outcome): string {
    expect(refused.status).toBe(1);
    // With "Acquiring state lock ..." before it when it took a while.
    const shown = flat(fencedBlock(DOCUMENT, "text", "PreconditionFailed")).replace(WITHOUT_IDS, "ID");
    expect(said(refused).replace(WITHOUT_IDS, "ID")).toContain(shown.trim());
    return /Lock Info: ID: (\S+) Path: /.exec(said(refused))?.[1] as string;
  }

  async function settles(): Promise<void> {
    expect(await tofu("apply", "-auto-approve")).toMatchObject({ status: 0 });
    expect(await tofu("plan", "-detailed-exitcode")).toMatchObject({ status: 0 });
    expect(s3.keys()).toEqual([KEY]);
  }

  beforeAll(async () => {
    s3 = await startS3();
    lab = await LabStack.start({ clock: gate });
    use(s3.endpoint);
    await lab.run(["init"], { env: s3.env });
    colleague = new TofuFolder();
    for (const name of ["cdk.tf.json", "terraform.tfvars.json"]) {
      colleague.write(`${STACK_FOLDER}/${name}`, lab.folder.read(`${STACK_FOLDER}/${name}`));
    }
    expect(await inColleague("init")).toMatchObject({ status: 0 });
  });

  afterAll(async () => {
    gate.open();
    await proxy?.stop();
    colleague?.remove();
    await lab?.stop();
    await s3?.stop();
  });

  it("refuses a colleague's apply while the first one clones, and the first one ends well", async () => {
    const first = await applyThatHolds();
    const refused = await inColleague("apply", "-auto-approve");
    expect(lockId(refused)).toMatch(/^[0-9a-f-]{36}$/);
    // Nothing was begun: one clone, and the lock is still the first one's.
    expect(lab.left().vms).toEqual([100]);
    expect(s3.keys()).toContain(LOCK);
    const args = ["apply", "-auto-approve", "-lock-timeout=10m"];
    const patient = colleague.start(args, { env: s3.env, subfolder: STACK_FOLDER });
    await until("the patient one waits", () => patient.output().includes("Acquiring state lock."));
    gate.open();
    expect(await first.ended).toMatchObject({ status: 0 });
    expect((await patient.ended).stdout).toContain("No changes.");
    expect(s3.keys()).toEqual([KEY]);
    expect(await tofu("destroy", "-auto-approve")).toMatchObject({ status: 0 });
    expect(lab.left()).toEqual(NOTHING);
  });

  it("recovers from an apply that was killed: force-unlock with the id that is shown, then apply, then no difference", async () => {
    const killed = await applyThatHolds();
    signalGroup(killed.child, "SIGKILL");
    expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
    gate.open();
    const id = lockId(await inColleague("apply", "-auto-approve"));

    const unlock = (...how: string[]): Promise<Outcome> =>
      npmRunTofu(lab.folder, ["lab", "force-unlock", ...how], { env: { ...s3.env, TF_INPUT: "1" }, stdin: "yes\n" })
        .ended;
    const wrong = await unlock("-force", "00000000-0000-0000-0000-000000000000");
    expect(wrong.status).toBe(1);
    expect(said(wrong)).toContain(flat(fencedBlock(DOCUMENT, "text", "Failed to unlock state")).trim());
    expect(s3.keys()).toContain(LOCK);
    const unlocked = await unlock(id);
    expect(unlocked.status).toBe(0);
    const [, ...shown] = fencedBlock(DOCUMENT, "console", "force-unlock")
      .replace("Enter a value: yes", "Enter a value:")
      .split("\n");
    expect(said(unlocked).trim()).toBe(flat(shown.join("\n")).trim());
    expect(s3.keys()).not.toContain(LOCK);

    await settles();
    // The killed apply could not write down what it had begun: its clone is there, known to nobody. The docs say so.
    expect(lab.left().vms).toEqual([100, 101]);
    expect(await tofu("destroy", "-auto-approve")).toMatchObject({ status: 0 });
    expect(lab.left().vms).toEqual([100]);
    lab.pve.cluster.vms.delete(100);
  });

  it("recovers from a lock that nobody holds, because the answer to the request that made it was lost", async () => {
    proxy = await losingProxy(s3.endpoint, (request) => request.method === "PUT" && request.path.endsWith(".tflock"));
    use(proxy.endpoint);
    expect(await tofu("init", "-reconfigure")).toMatchObject({ status: 0 });
    const id = lockId(await tofu("apply", "-auto-approve"));
    expect(proxy.lost).toBe(1);
    expect(s3.keys()).toContain(LOCK);
    expect(await npmRunTofu(lab.folder, ["lab", "force-unlock", "-force", id], { env: s3.env }).ended).toMatchObject({
      status: 0,
    });
    await settles();
    expect(await tofu("destroy", "-auto-approve")).toMatchObject({ status: 0 });
  });
});
