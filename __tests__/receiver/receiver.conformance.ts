// The receiver's resources, applied by the real OpenTofu. The null provider is a stand-in (tools/), the VMs are too.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWith } from "../support/tools";
import { Lab, SECRET, synth } from "./lab";
import { RecordingReceiver } from "./recording-receiver";

const VM = { name: "nexus-01" };
const TWO = [VM, { name: "nexus-02" }];

jest.setTimeout(120_000);

/** A certificate for localhost that is its own authority. */
function selfSigned(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-tls-"));
  try {
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
    execFileSync("openssl", [...request, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line, so that a message can be searched whatever the width it was wrapped to. */
function flat(text: string): string {
  return text.replace(/[\s│╷╵]+/g, " ");
}

describeWith(["tofu", "tofurc"], "receiver", () => {
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

    it("fails when a machine is destroyed although its release was not delivered", async () => {
      await lab.init([VM]);
      await lab.apply();
      lab.events();
      await lab.receiver.stop();
      const replace = `-replace=${await lab.addressOf("nexus-01")}`;
      const outcome = await lab.try(["apply", "-auto-approve", replace]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("the release of nexus-01 in fleet dev was NOT delivered.");
      expect(flat(outcome.stderr)).toContain("effect: The machine is as it was");
      expect(lab.events()).toEqual([]);
      await lab.receiver.start();
      await lab.apply(replace);
      expect(lab.events()).toEqual(["release nexus-01", "destroyed nexus-01", "created nexus-01"]);
      await lab.expectNoDiff();
    });

    it("fails when a VM cannot be destroyed because its receiver is gone for good", async () => {
      await lab.init([VM]);
      await lab.apply();
      lab.events();
      await lab.receiver.stop();
      const refused = await lab.try(["destroy", "-auto-approve"]);
      expect(flat(refused.stderr)).toContain("NEXUS_PULL_RECEIVER_GONE=1");
      expect(lab.events()).toEqual([]);
      const output = await lab.run(["destroy", "-auto-approve"], { NEXUS_PULL_RECEIVER_GONE: "1" });
      expect(output).toContain("NOT sent, as NEXUS_PULL_RECEIVER_GONE=1 asks: the release of nexus-01");
      expect(lab.events()).toEqual(["destroyed nexus-01"]);
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

  describe("settings", () => {
    it("fails when anything is made without a receiver", async () => {
      lab.variables = {};
      await lab.init([VM], { outputs: true });
      await lab.apply();
      const state = await lab.run(["state", "list"]);
      expect(state.trim().split("\n")).toEqual([await lab.addressOf("nexus-01")]);
      const outputs = JSON.parse(await lab.run(["output", "-json"])) as Record<string, { value?: unknown }>;
      expect(outputs["agent_nexus-01"]?.value ?? null).toBeNull();
      expect(outputs["key_nexus-01"]?.value).toBe("");
      expect(lab.receiver.take()).toEqual([]);
    });

    it("fails when an address without a secret passes the plan", async () => {
      lab.variables = { webhook_url: lab.receiver.webhookUrl };
      await lab.init([VM]);
      const outcome = await lab.try(["plan"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("webhook_url is set but webhook_secret is not: add webhook_secret");
    });

    it.each(["http://localhost:9191/", "http://user:pw@localhost/webhook", "localhost/webhook"])(
      "fails when the address %s passes the plan",
      async (address) => {
        lab.variables.webhook_url = address;
        await lab.init([VM]);
        const outcome = await lab.try(["plan"]);
        expect(outcome.status).toBe(1);
        expect(flat(outcome.stderr)).toContain("webhook_url must be the receiver's full POST address");
      },
    );

    it("fails when a literal address makes a count, or what a VM takes is not what its agent expects", async () => {
      await lab.init([VM], { literalUrl: lab.receiver.webhookUrl, outputs: true });
      await lab.apply();
      expect(await lab.run(["state", "list"])).not.toContain("[0]");
      const outputs = JSON.parse(await lab.run(["output", "-json"])) as Record<string, { value?: unknown }>;
      expect(outputs["agent_nexus-01"]?.value).toEqual({ url: lab.receiver.webhookUrl, heartbeat_s: 900 });
      expect(outputs["key_nexus-01"]?.value).toMatch(/^[0-9a-f]{64}$/);
      await lab.run(["destroy", "-auto-approve"]);
      expect(lab.events().pop()).toBe("roster ");
    });

    it("fails when a destroy uses a secret that was rotated away", async () => {
      await lab.init([VM]);
      await lab.apply();
      lab.receiver.secrets = ["the-next-secret", SECRET];
      lab.variables.webhook_secret = "the-next-secret";
      expect(await lab.apply()).toContain("0 added, 2 changed, 0 destroyed");
      lab.receiver.secrets = ["the-next-secret"];
      lab.events();
      await lab.run(["destroy", "-auto-approve"]);
      expect(lab.events()).toEqual(["release nexus-01", "destroyed nexus-01", "roster "]);
    });

    it("fails when a destroy goes to an address that the receiver moved away from", async () => {
      await lab.init([VM]);
      await lab.apply();
      const moved = new RecordingReceiver([SECRET]);
      await moved.start();
      try {
        lab.receiver.take();
        lab.variables.webhook_url = moved.webhookUrl;
        await lab.apply();
        await lab.run(["destroy", "-auto-approve"]);
        expect(moved.take().map((request) => request.path.split("/").pop())).toEqual(["roster", "release", "roster"]);
        expect(lab.receiver.take()).toEqual([]);
      } finally {
        await moved.stop();
      }
    });

    it("fails when a roster larger than one environment variable arrives damaged", async () => {
      const names = Array.from(
        { length: 1_200 },
        (_, i) => `nexus-${String(i).padStart(4, "0")}-with-a-rather-long-name`,
      );
      await lab.init([]);
      const config = JSON.parse(synth([])) as { locals: Record<string, unknown> };
      const expected = Object.keys(config.locals).find((name) => name.startsWith("receiver_expected_")) ?? "";
      // Entries are put in by hand: 1,200 machines would take minutes.
      config.locals[expected] = names.map((name) => ({
        name,
        instance_id: `iid-${name}`,
        deadline_s: 1800,
        ref: "größe",
      }));
      lab.tofu.write("cdk.tf.json", config);
      await lab.apply();
      const [roster] = lab.receiver.take();
      expect(roster?.status).toBe(200);
      expect(roster?.body.length).toBeGreaterThan(128 * 1024);
      expect((JSON.parse(roster?.body ?? "") as { name: string }[]).map((entry) => entry.name)).toEqual(names);
    });

    it("fails when a receiver with a certificate of its own is not trusted by it, or trusted without it", async () => {
      const { cert, key } = selfSigned();
      const tls = await Lab.open(new RecordingReceiver([SECRET], { cert, key }));
      try {
        await tls.init([{ ...VM, wait: true }], { caCertificate: cert });
        tls.receiver.waits.push({ status: 200, text: "Configured" });
        await tls.apply();
        await tls.expectNoDiff();
        await tls.run(["destroy", "-auto-approve"]);
        expect(tls.events().pop()).toBe("roster ");
        tls.configure([VM]);
        const outcome = await tls.try(["apply", "-auto-approve"]);
        expect(flat(outcome.stderr)).toContain("Its certificate is not trusted here: set caCertificate");
      } finally {
        await tls.close();
      }
    });
  });

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
