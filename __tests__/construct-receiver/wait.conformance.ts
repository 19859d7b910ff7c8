// An apply that waits for its VMs, and where the operator secret can be read, with the real OpenTofu.
import { describeWith } from "../support/tools";
import { flat, Lab, SECRET, synth } from "./lab";

const VM = { name: "nexus-01" };

describeWith(["tofu", "tofurc"], "a wait", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.close());

  describe("waitForConfigured", () => {
    const waiting = { ...VM, wait: { timeout: "8s" }, commit: "c0ffee" };

    it("fails when apply ends before the VM is Configured, or asks for something else than its commit", async () => {
      await lab.init([waiting]);
      lab.receiver.waits.push({ status: 504, text: "Bootstrapping" }, { status: 200, text: "at c0ffee" });
      const output = await lab.apply();
      expect(output).toContain("nexus-pull: nexus-01: not yet: Bootstrapping");
      expect(output).toContain("nexus-pull: nexus-01: Configured: at c0ffee");
      const waits = lab.receiver.take().filter((request) => request.method === "GET");
      expect(waits.map((request) => request.path)).toEqual([
        expect.stringMatching(/^\/fleets\/dev\/vms\/nexus-01\/wait\?timeout_s=8&commit=c0ffee$/),
        expect.stringMatching(/^\/fleets\/dev\/vms\/nexus-01\/wait\?timeout_s=\d&commit=c0ffee$/),
      ]);
      await lab.expectNoDiff();

      lab.receiver.waits.push({ status: 200, text: "again" });
      await lab.apply(`-replace=${await lab.addressOf("nexus-01")}`);
      lab.configure([{ ...waiting, commit: "beef" }]);
      lab.receiver.waits.push({ status: 200, text: "at beef" });
      lab.events();
      expect(await lab.apply()).toContain("Configured: at beef");
      expect(lab.events()).toEqual([]);
    });

    it("fails when a failed VM lets apply succeed or its reason is lost", async () => {
      await lab.init([waiting]);
      lab.receiver.waits.push({ status: 409, text: "Failed: evidence_missing\u001b[2J" });
      const outcome = await lab.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("nexus-01 FAILED to configure itself.");
      expect(flat(outcome.stderr)).toContain("answer: Failed: evidence_missing[2J");
      expect(outcome.stderr).not.toContain("\u001b");
      lab.events();
      lab.receiver.waits.push({ status: 200, text: "repaired" });
      await lab.apply();
      expect(lab.events()).toEqual([]);
      await lab.expectNoDiff();
    });

    it("fails when a wait does not end in time or forgets what it knew", async () => {
      await lab.init([{ ...VM, wait: { timeout: "2s" } }]);
      const outcome = await lab.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("nexus-01 is not Configured after 2 s.");
      expect(flat(outcome.stderr)).toContain("answer: still Expected");
    });
  });

  describe("the secret", () => {
    it("fails when it can be read in the JSON, an argument, what is printed or the state", async () => {
      const vm = { ...VM, wait: true };
      await lab.init([vm]);
      lab.receiver.waits.push({ status: 200, text: "Configured" });
      const printed = [
        await lab.run(["plan", "-out", "plan"]),
        await lab.run(["show", "plan"]),
        await lab.run(["apply", "plan"]),
      ];
      const plan = JSON.parse(await lab.run(["show", "-json", "plan"])) as { variables: unknown };
      printed.push(await lab.run(["show", "-json"]), lab.tofu.read("terraform.tfstate"));
      printed.push(await lab.run(["destroy", "-auto-approve"]));
      expect(lab.argv()).toContain("--config /dev/fd/3");
      for (const text of [synth([vm]), lab.argv(), ...printed]) expect(text).not.toContain(SECRET);
      // OpenTofu writes every variable of a plan into the plan file and its JSON: a plan file is a secret.
      expect(JSON.stringify(plan.variables)).toContain(SECRET);
      expect(JSON.stringify({ ...plan, variables: undefined })).not.toContain(SECRET);
    });
  });
});
