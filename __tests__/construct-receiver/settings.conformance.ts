// What a stack says of its receiver and secret, applied by the real OpenTofu.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWith } from "../support/tools";
import { flat, Lab, SECRET, synth } from "./lab";
import { RecordingReceiver } from "./recording-receiver";

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
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab.close());

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
});
