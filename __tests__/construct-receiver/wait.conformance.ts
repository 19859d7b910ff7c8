// An apply that waits for its VMs, and where the operator secret can be read, with the real OpenTofu.
import { describeWith } from "../support/suites";
import { flat, Testbed, SECRET, synth } from "./testbed";

const VM = { name: "nexus-01" };

describeWith(["tofu", "tofurc"], "a wait", () => {
  let testbed: Testbed;
  beforeEach(async () => {
    testbed = await Testbed.open();
  });
  afterEach(() => testbed.close());

  describe("waitForConfigured", () => {
    const waiting = { ...VM, wait: { timeout: "8s" }, commit: "c0ffee" };

    it("fails when apply ends before the VM is Configured, or asks for something else than its commit", async () => {
      await testbed.init([waiting]);
      testbed.receiver.waits.push({ status: 504, text: "Bootstrapping" }, { status: 200, text: "at c0ffee" });
      const output = await testbed.apply();
      expect(output).toContain("nexus-pull: nexus-01: not yet: Bootstrapping");
      expect(output).toContain("nexus-pull: nexus-01: Configured: at c0ffee");
      const waits = testbed.receiver.take().filter((request) => request.method === "GET");
      expect(waits.map((request) => request.path)).toEqual([
        expect.stringMatching(/^\/fleets\/dev\/vms\/nexus-01\/wait\?timeout_s=8&commit=c0ffee$/),
        expect.stringMatching(/^\/fleets\/dev\/vms\/nexus-01\/wait\?timeout_s=\d&commit=c0ffee$/),
      ]);
      await testbed.expectNoDiff();

      testbed.receiver.waits.push({ status: 200, text: "again" });
      await testbed.apply(`-replace=${await testbed.addressOf("nexus-01")}`);
      testbed.configure([{ ...waiting, commit: "beef" }]);
      testbed.receiver.waits.push({ status: 200, text: "at beef" });
      testbed.events();
      expect(await testbed.apply()).toContain("Configured: at beef");
      expect(testbed.events()).toEqual([]);
    });

    it("fails when a failed VM lets apply succeed or its reason is lost", async () => {
      await testbed.init([waiting]);
      testbed.receiver.waits.push({ status: 409, text: "Failed: evidence_missing\u001b[2J" });
      const outcome = await testbed.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("nexus-01 FAILED to configure itself.");
      expect(flat(outcome.stderr)).toContain("answer: Failed: evidence_missing[2J");
      expect(outcome.stderr).not.toContain("\u001b");
      testbed.events();
      testbed.receiver.waits.push({ status: 200, text: "repaired" });
      await testbed.apply();
      expect(testbed.events()).toEqual([]);
      await testbed.expectNoDiff();
    });

    it("fails when a wait does not end in time or forgets what it knew", async () => {
      await testbed.init([{ ...VM, wait: { timeout: "2s" } }]);
      const outcome = await testbed.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("nexus-01 is not Configured after 2 s.");
      expect(flat(outcome.stderr)).toContain("answer: still Expected");
    });
  });

  describe("the secret", () => {
    it("fails when it can be read in the JSON, an argument, what is printed or the state", async () => {
      const vm = { ...VM, wait: true };
      await testbed.init([vm]);
      testbed.receiver.waits.push({ status: 200, text: "Configured" });
      const printed = [
        await testbed.run(["plan", "-out", "plan"]),
        await testbed.run(["show", "plan"]),
        await testbed.run(["apply", "plan"]),
      ];
      const plan = JSON.parse(await testbed.run(["show", "-json", "plan"])) as { variables: unknown };
      printed.push(await testbed.run(["show", "-json"]), testbed.tofu.read("terraform.tfstate"));
      printed.push(await testbed.run(["destroy", "-auto-approve"]));
      expect(testbed.argv()).toContain("--config /dev/fd/3");
      for (const text of [synth([vm]), testbed.argv(), ...printed]) expect(text).not.toContain(SECRET);
      // OpenTofu writes every variable of a plan into the plan file and its JSON: a plan file is a secret.
      expect(JSON.stringify(plan.variables)).toContain(SECRET);
      expect(JSON.stringify({ ...plan, variables: undefined })).not.toContain(SECRET);
    });
  });
});
