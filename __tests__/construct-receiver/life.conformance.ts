// Roster and release in the life of VMs, and a receiver in trouble, applied by the real OpenTofu. The null provider is a stand-in
// (tools/), the VMs are too; __tests__/lab/ has the same around real VM resources, and a receiver that is down.
import { describeWith } from "../support/tools";
import { flat, Lab } from "./lab";

const VM = { name: "nexus-01" };
const TWO = [VM, { name: "nexus-02" }];

describeWith(["tofu", "tofurc"], "what a receiver is told", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.close());

  describe("the life of a VM", () => {
    it("fails when the roster does not come first, is resent by a plan without changes, or is not emptied last", async () => {
      await lab.init(TWO);
      const output = await lab.apply();
      expect(output).toContain("(local-exec): nexus-pull: delivered the roster of fleet dev");
      const events = lab.events();
      expect(events[0]).toBe("roster nexus-01,nexus-02");
      expect(events.slice(1).sort()).toEqual(["created nexus-01", "created nexus-02"]);
      const [roster] = lab.receiver.take();
      expect(roster).toMatchObject({ method: "PUT", path: "/fleets/dev/roster", status: 200 });
      expect(JSON.parse(roster?.body ?? "")).toEqual([
        { name: "nexus-01", instance_id: "iid-nexus-01", deadline_s: 1800, ref: "main" },
        { name: "nexus-02", instance_id: "iid-nexus-02", deadline_s: 1800, ref: "main" },
      ]);

      await lab.expectNoDiff();

      lab.configure([{ ...VM, revision: "2" }, { name: "nexus-02" }]);
      expect(await lab.apply()).toContain("0 added, 1 changed, 0 destroyed");
      expect(lab.events()).toEqual([]);
      expect(lab.receiver.take()).toEqual([]);

      await lab.apply(`-replace=${await lab.addressOf("nexus-01")}`);
      expect(lab.events()).toEqual(["release nexus-01", "destroyed nexus-01", "created nexus-01"]);
      await lab.expectNoDiff();

      lab.configure([{ ...VM, revision: "2", shape: "2" }, { name: "nexus-02" }]);
      await lab.apply();
      expect(lab.events()).toEqual(["release nexus-01", "destroyed nexus-01", "created nexus-01"]);

      lab.configure([{ name: "nexus-02" }]);
      await lab.apply();
      expect(lab.events()).toEqual(["roster nexus-02"]); // no destroy provisioner runs for a deleted block
      await lab.expectNoDiff();

      await lab.run(["destroy", "-auto-approve"]);
      expect(lab.events()).toEqual(["release nexus-02", "destroyed nexus-02", "roster "]);
      expect(lab.receiver.take().map((request) => request.status)).not.toContain(409);
    });

    it("fails when a machine that vanished outside OpenTofu can still answer after it was made again", async () => {
      await lab.init([VM]);
      await lab.apply();
      await lab.run(["state", "rm", await lab.addressOf("nexus-01")]);
      lab.events();
      await lab.apply();
      expect(lab.events()).toEqual(["release nexus-01", "created nexus-01"]);
    });
  });

  describe("a receiver in trouble", () => {
    it("fails when a roster that cannot be delivered is silent, slow, or lets a VM be made", async () => {
      await lab.init([VM]);
      await lab.receiver.stop();
      const started = Date.now();
      const outcome = await lab.try(["apply", "-auto-approve"]);
      expect(Date.now() - started).toBeLessThan(14_000);
      expect(outcome.status).toBe(1);
      const said = flat(outcome.stderr);
      expect(said).toContain("nexus-pull: the roster of fleet dev was NOT delivered. tried: PUT http://localhost:");
      expect(said).toContain("answer: none (curl ended with 7; its own words are above)");
      expect(said).toContain("remedy: see that the receiver runs");
      // Nobody should have to find the message below a hundred lines of shell.
      expect(outcome.stdout + outcome.stderr).not.toContain("print_body");
      expect(lab.events()).toEqual([]);

      await lab.receiver.start();
      await lab.apply();
      expect(lab.events()).toEqual(["roster nexus-01", "created nexus-01"]);
      await lab.expectNoDiff();

      await lab.receiver.stop();
      lab.configure([VM, { name: "nexus-02" }]);
      expect((await lab.try(["apply", "-auto-approve"])).status).toBe(1);
      expect(lab.events()).toEqual([]);
      await lab.receiver.start();
      await lab.apply();
      expect(lab.events()).toEqual(["roster nexus-01,nexus-02", "created nexus-02"]);
      await lab.expectNoDiff();
    });

    it("fails when a short outage or a lost response is not retried, or a retry uses another id", async () => {
      await lab.init([VM]);
      lab.receiver.faults.push({ status: 503 }, "lost response");
      await lab.apply();
      const requests = lab.receiver.take();
      expect(requests.map((request) => request.status)).toEqual([503, 200, 200]);
      expect(new Set(requests.map((request) => request.id)).size).toBe(1);
      expect(lab.events()).toEqual(["roster nexus-01", "created nexus-01"]);
    });

    it("fails when a refusal is retried or its reason is not shown", async () => {
      await lab.init([VM]);
      lab.variables.webhook_secret = "another secret";
      const outcome = await lab.try(["apply", "-auto-approve"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain('answer: HTTP 401 {"type":"about:blank","title":"mac_invalid"');
      expect(flat(outcome.stderr)).toContain("webhook_secret must be one of the operator secrets");
      expect(lab.receiver.take()).toHaveLength(1);
    });
  });
});
