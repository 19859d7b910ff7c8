// Roster and release in the life of VMs, and a receiver in trouble, applied by the real OpenTofu. The null provider is a stand-in
// (tools/), the VMs are too; __tests__/construct-on-pve/ has the same around real VM resources, and a receiver that is down.
import { describeWith } from "../support/suites";
import { flat, Testbed } from "./testbed";

const VM = { name: "nexus-01" };
const TWO = [VM, { name: "nexus-02" }];

describeWith(["tofu", "tofurc"], "what a receiver is told", () => {
  let testbed: Testbed;
  beforeEach(async () => {
    testbed = await Testbed.open();
  });
  afterEach(() => testbed.close());

  describe("the life of a VM", () => {
    it("fails when the roster does not come first, is resent by a plan without changes, or is not emptied last", async () => {
      await testbed.init(TWO);
      const output = await testbed.apply();
      expect(output).toContain("(local-exec): nexus-pull: delivered the roster of fleet dev");
      const events = testbed.events();
      expect(events[0]).toBe("roster nexus-01,nexus-02");
      expect(events.slice(1).sort()).toEqual(["created nexus-01", "created nexus-02"]);
      const [roster] = testbed.receiver.take();
      expect(roster).toMatchObject({ method: "PUT", path: "/fleets/dev/roster", status: 200 });
      expect(JSON.parse(roster?.body ?? "")).toEqual([
        { name: "nexus-01", instance_id: "iid-nexus-01", deadline_s: 1800, ref: "main" },
        { name: "nexus-02", instance_id: "iid-nexus-02", deadline_s: 1800, ref: "main" },
      ]);

      await testbed.expectNoDiff();

      testbed.configure([{ ...VM, revision: "2" }, { name: "nexus-02" }]);
      expect(await testbed.apply()).toContain("0 added, 1 changed, 0 destroyed");
      expect(testbed.events()).toEqual([]);
      expect(testbed.receiver.take()).toEqual([]);

      await testbed.apply(`-replace=${await testbed.addressOf("nexus-01")}`);
      expect(testbed.events()).toEqual(["release nexus-01", "destroyed nexus-01", "created nexus-01"]);
      await testbed.expectNoDiff();

      testbed.configure([{ ...VM, revision: "2", shape: "2" }, { name: "nexus-02" }]);
      await testbed.apply();
      expect(testbed.events()).toEqual(["release nexus-01", "destroyed nexus-01", "created nexus-01"]);

      testbed.configure([{ name: "nexus-02" }]);
      await testbed.apply();
      expect(testbed.events()).toEqual(["roster nexus-02"]); // no destroy provisioner runs for a deleted block
      await testbed.expectNoDiff();

      await testbed.run(["destroy", "-auto-approve"]);
      expect(testbed.events()).toEqual(["release nexus-02", "destroyed nexus-02", "roster "]);
      expect(testbed.receiver.take().map((request) => request.status)).not.toContain(409);
    });

    it("fails when a machine that vanished outside OpenTofu can still answer after it was made again", async () => {
      await testbed.init([VM]);
      await testbed.apply();
      await testbed.run(["state", "rm", await testbed.addressOf("nexus-01")]);
      testbed.events();
      await testbed.apply();
      expect(testbed.events()).toEqual(["release nexus-01", "created nexus-01"]);
    });
  });

  describe("a receiver in trouble", () => {
    it("fails when a roster that cannot be delivered is silent, slow, or lets a VM be made", async () => {
      await testbed.init([VM]);
      await testbed.receiver.stop();
      const started = Date.now();
      const outcome = await testbed.try(["apply", "-auto-approve"]);
      expect(Date.now() - started).toBeLessThan(14_000);
      expect(outcome.status).toBe(1);
      const said = flat(outcome.stderr);
      expect(said).toContain("nexus-pull: the roster of fleet dev was NOT delivered. tried: PUT http://localhost:");
      expect(said).toContain("answer: none (curl ended with 7; its own words are above)");
      expect(said).toContain("remedy: see that the receiver runs");
      // Nobody should have to find the message below a hundred lines of shell.
      expect(outcome.stdout + outcome.stderr).not.toContain("print_body");
      expect(testbed.events()).toEqual([]);

      await testbed.receiver.start();
      await testbed.apply();
      expect(testbed.events()).toEqual(["roster nexus-01", "created nexus-01"]);
      await testbed.expectNoDiff();

      await testbed.receiver.stop();
      testbed.configure([VM, { name: "nexus-02" }]);
      expect((await testbed.try(["apply", "-auto-approve"])).status).toBe(1);
      expect(testbed.events()).toEqual([]);
      await testbed.receiver.start();
      await testbed.apply();
      expect(testbed.events()).toEqual(["roster nexus-01,nexus-02", "created nexus-02"]);
      await testbed.expectNoDiff();
    });

    it("fails when a short outage or a lost response is not retried, or a retry uses another id", async () => {
      await testbed.init([VM]);
      testbed.receiver.faults.push({ status: 503 }, "lost response");
      await testbed.apply();
      const requests = testbed.receiver.take();
      expect(requests.map((request) => request.status)).toEqual([503, 200, 200]);
      expect(new Set(requests.map((request) => request.id)).size).toBe(1);
      expect(testbed.events()).toEqual(["roster nexus-01", "created nexus-01"]);
    });

    it("fails when a refusal is retried or its reason is not shown", async () => {
      await testbed.init([VM]);
      testbed.variables.webhook_secret = "another secret";
      const outcome = await testbed.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain('answer: HTTP 401 {"type":"about:blank","title":"mac_invalid"');
      expect(flat(outcome.stderr)).toContain("webhook_secret must be one of the operator secrets");
      expect(testbed.receiver.take()).toHaveLength(1);
    });
  });
});
