// What a stack says of its receiver and secret, applied by the real OpenTofu.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWith } from "../support/suites";
import { flat, Testbed, SECRET, synth } from "./testbed";
import { RecordingReceiver } from "../../lab/services/recording-receiver";

const VM = { name: "nexus-01" };

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

describeWith(["tofu", "tofurc"], "a receiver", () => {
  let testbed: Testbed;
  beforeEach(async () => {
    testbed = await Testbed.open();
  });
  afterEach(() => testbed.close());

  describe("settings", () => {
    it("fails when anything is made without a receiver", async () => {
      testbed.variables = {};
      await testbed.init([VM], { outputs: true });
      await testbed.apply();
      const state = await testbed.run(["state", "list"]);
      expect(state.trim().split("\n")).toEqual([await testbed.addressOf("nexus-01")]);
      const outputs = JSON.parse(await testbed.run(["output", "-json"])) as Record<string, { value?: unknown }>;
      expect(outputs["agent_nexus-01"]?.value ?? null).toBeNull();
      expect(outputs["key_nexus-01"]?.value).toBe("");
      expect(testbed.receiver.take()).toEqual([]);
    });

    it("fails when an address without a secret passes the plan", async () => {
      testbed.variables = { webhook_url: testbed.receiver.webhookUrl };
      await testbed.init([VM]);
      const outcome = await testbed.try(["plan"]);
      expect(outcome.status).toBe(1);
      expect(flat(outcome.stderr)).toContain("webhook_url is set but webhook_secret is not: add webhook_secret");
    });

    it.each(["http://localhost:9191/", "http://user:pw@localhost/webhook", "localhost/webhook"])(
      "fails when the address %s passes the plan",
      async (address) => {
        testbed.variables.webhook_url = address;
        await testbed.init([VM]);
        const outcome = await testbed.try(["plan"]);
        expect(outcome.status).toBe(1);
        expect(flat(outcome.stderr)).toContain("webhook_url must be the receiver's full POST address");
      },
    );

    it("fails when a literal address makes a count, or what a VM takes is not what its agent expects", async () => {
      await testbed.init([VM], { literalUrl: testbed.receiver.webhookUrl, outputs: true });
      await testbed.apply();
      expect(await testbed.run(["state", "list"])).not.toContain("[0]");
      const outputs = JSON.parse(await testbed.run(["output", "-json"])) as Record<string, { value?: unknown }>;
      expect(outputs["agent_nexus-01"]?.value).toEqual({ url: testbed.receiver.webhookUrl, heartbeat_s: 900 });
      expect(outputs["key_nexus-01"]?.value).toMatch(/^[0-9a-f]{64}$/);
      await testbed.run(["destroy", "-auto-approve"]);
      expect(testbed.events().pop()).toBe("roster ");
    });

    it("fails when a destroy uses a secret that was rotated away", async () => {
      await testbed.init([VM]);
      await testbed.apply();
      testbed.receiver.secrets = ["the-next-secret", SECRET];
      testbed.variables.webhook_secret = "the-next-secret";
      expect(await testbed.apply()).toContain("0 added, 2 changed, 0 destroyed");
      testbed.receiver.secrets = ["the-next-secret"];
      testbed.events();
      await testbed.run(["destroy", "-auto-approve"]);
      expect(testbed.events()).toEqual(["release nexus-01", "destroyed nexus-01", "roster "]);
    });

    it("fails when a destroy goes to an address that the receiver moved away from", async () => {
      await testbed.init([VM]);
      await testbed.apply();
      const moved = new RecordingReceiver([SECRET]);
      await moved.start();
      try {
        testbed.receiver.take();
        testbed.variables.webhook_url = moved.webhookUrl;
        await testbed.apply();
        await testbed.run(["destroy", "-auto-approve"]);
        expect(moved.take().map((request) => request.path.split("/").pop())).toEqual(["roster", "release", "roster"]);
        expect(testbed.receiver.take()).toEqual([]);
      } finally {
        await moved.stop();
      }
    });

    it("fails when a roster larger than one environment variable arrives damaged", async () => {
      const names = Array.from(
        { length: 1_200 },
        (_, i) => `nexus-${String(i).padStart(4, "0")}-with-a-rather-long-name`,
      );
      await testbed.init([]);
      const config = JSON.parse(synth([])) as { locals: Record<string, unknown> };
      const expected = Object.keys(config.locals).find((name) => name.startsWith("receiver_expected_")) ?? "";
      // Entries are put in by hand: 1,200 machines would take minutes.
      config.locals[expected] = names.map((name) => ({
        name,
        instance_id: `iid-${name}`,
        deadline_s: 1800,
        ref: "größe",
      }));
      testbed.tofu.write("cdk.tf.json", config);
      await testbed.apply();
      const [roster] = testbed.receiver.take();
      expect(roster?.status).toBe(200);
      expect(roster?.body.length).toBeGreaterThan(128 * 1024);
      expect((JSON.parse(roster?.body ?? "") as { name: string }[]).map((entry) => entry.name)).toEqual(names);
    });

    it("fails when a receiver with a certificate of its own is not trusted by it, or trusted without it", async () => {
      const { cert, key } = selfSigned();
      const tls = await Testbed.open(new RecordingReceiver([SECRET], { cert, key }));
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
});
