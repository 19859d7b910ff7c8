// What a stack says to its receiver, and when: the order of roster, release and wait against the clone, start and destroy of real
// VM resources, as the real provider asks the stand-in for them. __tests__/construct-receiver/ has the same on OpenTofu's own resources.
import { Git, NexusVmPull, Receiver } from "../../lib";
import { RecordingReceiver, type Recorded } from "../../lab/services/recording-receiver";
import type { Outcome } from "../../lab/host/processes";
import { describeWith } from "../support/suites";
import { LabStack, NOTHING, type Build } from "./stack";

const SECRET = "canary-operator-secret";

interface Options {
  readonly names?: readonly string[];
  readonly memoryMiB?: number;
  /** @default - apply waits for nobody */
  readonly wait?: string;
}

function stack({ names = ["nexus-01"], memoryMiB, wait }: Options): Build {
  return (into, vars) => {
    const receiver = new Receiver(into, "receiver", { webhookUrl: vars.webhookUrl, secret: vars.webhookSecret });
    for (const name of names) {
      new NexusVmPull(into, name, {
        name,
        nodeName: vars.proxmoxNode,
        templateVmId: vars.templateVmId,
        source: Git.https(vars.ansibleRepoUrl),
        memoryMiB,
        receiver,
        waitForConfigured: wait === undefined ? false : { timeout: wait },
      });
    }
  };
}

/** A request to the receiver as one line: "roster a,b", "release a", "wait a 504". */
function line({ path, body, status }: Recorded): string {
  const [, , , kind, vm = "", action = ""] = path.replace(/\?.*/, "").split("/");
  const what =
    kind === "roster"
      ? `roster ${(JSON.parse(body) as { name: string }[]).map(({ name }) => name)}`
      : `${action} ${vm}`;
  return action === "wait" || status !== 200 ? `${what} ${status}` : what;
}

/** Reads what the provider does to machines, which take whichever id is free, by the names they were cloned under. */
class Deeds {
  private readonly names = new Map<string, string>();

  /** "clone a", "start a", "delete a", or nothing. */
  public of({ method, path, body }: { method: string; path: string; body: string }): string | undefined {
    if (method === "POST" && path.endsWith("/clone")) {
      const form = new URLSearchParams(body);
      this.names.set(form.get("newid") ?? "", form.get("name") ?? "");
      return `clone ${form.get("name")}`;
    }
    const [, vmid = "", rest] = /\/qemu\/(\d+)(\/status\/start|\/?\?.*|\/?)$/.exec(path) ?? [];
    if (method === "POST" && rest === "/status/start") return `start ${this.names.get(vmid)}`;
    return method === "DELETE" && vmid !== "" ? `delete ${this.names.get(vmid)}` : undefined;
  }
}

const flat = (outcome: Outcome): string => (outcome.stdout + outcome.stderr).replace(/[\s│╷╵]+/g, " ");

describeWith(["tofu", "tofurc", "provider-mirror"], "a receiver and real VMs", () => {
  const receiver = new RecordingReceiver([SECRET]);
  const events: string[] = [];
  let lab: LabStack;

  beforeAll(async () => {
    await receiver.start();
    receiver.onRequest = (request) => events.push(line(request));
    lab = await LabStack.start({}, { webhook_url: receiver.webhookUrl, webhook_secret: SECRET });
    const { log } = lab.pve;
    const deeds = new Deeds();
    const add = log.add.bind(log);
    log.add = (entry) => {
      const what = deeds.of(entry);
      if (what !== undefined) events.push(what);
      add(entry);
    };
    lab.set(stack({}));
    await lab.init();
  });

  afterAll(async () => {
    await lab?.stop();
    await receiver.stop();
  });

  /** What happened since the last call. */
  const happened = (): string[] => events.splice(0);

  /** The machines that are there, and which of them run. */
  const machines = () =>
    [...lab.pve.cluster.vms.values()]
      .filter((vm) => vm.config.get("template") !== "1")
      .sort((a, b) => String(a.config.get("name")).localeCompare(String(b.config.get("name"))));
  const running = () => machines().map((vm) => [vm.config.get("name"), vm.running !== undefined]);

  /** The argument that makes the resource anew whose address begins so. */
  async function replacing(address = "proxmox_virtual_environment_vm.nexus-01_"): Promise<string> {
    const list = (await lab.run(["state", "list"])).split("\n");
    return `-replace=${list.find((one) => one.startsWith(address))}`;
  }

  async function fails(...args: string[]): Promise<string> {
    const outcome = await lab.try([...args, "-auto-approve"]);
    expect(outcome.status).toBe(1);
    return flat(outcome);
  }

  async function noChange(): Promise<void> {
    expect(await lab.try(["plan", "-detailed-exitcode"])).toMatchObject({ status: 0 });
  }

  async function settles(): Promise<void> {
    await lab.apply();
    await noChange();
  }

  describe("one VM's life, with a wait", () => {
    it("announces the VM before it is cloned, and waits after it runs until it is Configured", async () => {
      lab.set(stack({ wait: "20s" }));
      receiver.waits.push({ status: 504, text: "Bootstrapping" }, { status: 200, text: "at main" });
      const output = await lab.apply();
      expect(output).toContain("nexus-pull: nexus-01: not yet: Bootstrapping");
      expect(output).toContain("nexus-pull: nexus-01: Configured: at main");
      expect(happened()).toEqual([
        "roster nexus-01",
        "clone nexus-01",
        "start nexus-01",
        "wait nexus-01 504",
        "wait nexus-01 200",
      ]);
      await noChange();
      expect(happened()).toEqual([]);
    });

    it("tells the receiver nothing of a change of hardware", async () => {
      lab.set(stack({ wait: "20s", memoryMiB: 4096 }));
      expect(await lab.apply()).toContain("1 changed");
      expect(happened()).toEqual([]);
    });

    it("releases the old machine before -replace destroys it, and waits for the new one", async () => {
      receiver.waits.push({ status: 200, text: "at main" });
      await lab.apply(await replacing());
      expect(happened()).toEqual([
        "release nexus-01",
        "delete nexus-01",
        "clone nexus-01",
        "start nexus-01",
        "wait nexus-01 200",
      ]);
      await noChange();
    });

    it("fails with the VM's own reason on 409, keeps the VM, and the next apply only waits anew", async () => {
      receiver.waits.push({ status: 409, text: "Failed: evidence_missing" });
      const said = await fails("apply", await replacing());
      expect(said).toContain("nexus-01 FAILED to configure itself.");
      expect(said).toContain("answer: Failed: evidence_missing effect: The VM is there and goes on by itself");
      expect(happened().pop()).toBe("wait nexus-01 409");
      expect(running()).toEqual([["nexus-01", true]]);
      receiver.waits.push({ status: 200, text: "repaired" });
      await settles();
      expect(happened()).toEqual(["wait nexus-01 200"]);
    });

    it("fails when the VM is not Configured in time, says what was last known, and the next apply waits anew", async () => {
      lab.set(stack({ wait: "2s", memoryMiB: 4096 }));
      // The wait alone: the VM is not touched.
      const said = await fails("apply", await replacing("null_resource.nexus-01_receiver_wait_"));
      expect(said).toContain("nexus-01 is not Configured after 2 s.");
      expect(said).toContain("answer: still Expected");
      expect(new Set(happened())).toEqual(new Set(["wait nexus-01 504"]));
      receiver.waits.push({ status: 200, text: "late" });
      await settles();
      expect(happened()).toEqual(["wait nexus-01 200"]);
    });

    it("destroys in the order release, VM, empty roster, and leaves nothing", async () => {
      await lab.destroy();
      expect(happened()).toEqual(["release nexus-01", "delete nexus-01", "roster "]);
      expect(lab.left()).toEqual(NOTHING);
    });
  });

  describe("a receiver that is down", () => {
    beforeAll(() => lab.set(stack({})));
    beforeEach(() => receiver.stop());
    afterEach(() => receiver.start());

    it("at create: no VM is made, the message says why, and the next apply makes it", async () => {
      const said = await fails("apply");
      expect(said).toContain("nexus-pull: the roster of fleet lab was NOT delivered. tried: PUT http://localhost:");
      expect(said).toContain("answer: none (curl ended with 7; its own words are above)");
      expect(said).toContain("effect: The VMs of this stack are as they were");
      expect(said).toContain("remedy: see that the receiver runs");
      expect(running()).toEqual([]);
      expect(happened()).toEqual([]);
      await receiver.start();
      await settles();
      expect(happened()).toEqual(["roster nexus-01", "clone nexus-01", "start nexus-01"]);
    });

    it("at update: the VM that is there runs on, the new one is not made, and the next apply makes it", async () => {
      const [before] = machines().map((vm) => vm.running);
      lab.set(stack({ names: ["nexus-01", "nexus-02"] }));
      expect(await fails("apply")).toContain("the roster of fleet lab was NOT delivered.");
      expect(machines().map((vm) => vm.running)).toEqual([before]);
      await receiver.start();
      await settles();
      expect(happened()).toEqual(["roster nexus-01,nexus-02", "clone nexus-02", "start nexus-02"]);
    });

    it("at -replace: the old machine is not destroyed unannounced, and the next apply replaces it", async () => {
      const before = machines();
      const replace = await replacing();
      const said = await fails("apply", replace);
      expect(said).toContain("the release of nexus-01 in fleet lab was NOT delivered.");
      expect(said).toContain("effect: The machine is as it was");
      expect(machines()).toEqual(before);
      expect(machines()[0]).toBe(before[0]);
      await receiver.start();
      await lab.apply(replace);
      expect(happened()).toEqual(["release nexus-01", "delete nexus-01", "clone nexus-01", "start nexus-01"]);
      await noChange();
    });

    it("at destroy: no VM is destroyed unannounced, and the next destroy leaves nothing", async () => {
      const said = await fails("destroy");
      expect(said).toContain("the release of nexus-01 in fleet lab was NOT delivered.");
      expect(said).toContain("NEXUS_PULL_RECEIVER_GONE=1 in the environment skips this");
      expect(running()).toEqual([
        ["nexus-01", true],
        ["nexus-02", true],
      ]);
      expect(happened()).toEqual([]);
      await receiver.start();
      await lab.destroy();
      const ended = happened();
      expect(ended.pop()).toBe("roster ");
      for (const name of ["nexus-01", "nexus-02"]) {
        expect(ended.indexOf(`release ${name}`)).toBeLessThan(ended.indexOf(`delete ${name}`));
      }
      expect(ended.sort()).toEqual(["delete nexus-01", "delete nexus-02", "release nexus-01", "release nexus-02"]);
      expect(lab.left()).toEqual(NOTHING);
    });

    it("for good: NEXUS_PULL_RECEIVER_GONE=1 lets destroy end without it, and says so", async () => {
      await receiver.start();
      lab.set(stack({}));
      await lab.apply();
      await receiver.stop();
      happened();
      const output = await lab.run(["destroy", "-auto-approve"], { env: { NEXUS_PULL_RECEIVER_GONE: "1" } });
      expect(output).toContain("NOT sent, as NEXUS_PULL_RECEIVER_GONE=1 asks: the release of nexus-01 in fleet lab");
      expect(output).toContain("NOT sent, as NEXUS_PULL_RECEIVER_GONE=1 asks: the empty roster of fleet lab");
      expect(happened()).toEqual(["delete nexus-01"]);
      expect(lab.left()).toEqual(NOTHING);
    });
  });
});
