// The unit, the alert rules and the Grafana dashboard, held to the programs that read them.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { heartbeat, post, signed } from "../../lab/services/receiver-client";
import { Place, ReceiverProcess, ROOT, SECRET } from "../../lab/services/receiver-process";
import { type Running, start, until } from "../../lab/host/processes";
import { freePort } from "../../lab/services/s3";
import { describeUnless } from "../support/suites";
import { programMissing } from "./programs";

jest.setTimeout(240_000);

const DEPLOY = join(ROOT, "receiver", "deploy");
const env = { PATH: process.env.PATH };
const run = (program: string, args: readonly string[]) =>
  start(program, args, { cwd: DEPLOY, env, timeoutMs: 60_000 }).ended;

describeUnless(programMissing("systemd-analyze"), "webhook.service", () => {
  test("is hardened: an exposure of at most 2.0", async () => {
    const { stdout, stderr } = await run("systemd-analyze", [
      "security",
      "--offline=true",
      "--no-pager",
      "webhook.service",
    ]);
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout + stderr)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(2);
  });

  test("has nothing that systemd does not know", async () => {
    const place = new Place();
    // verify wants the program to be there, which it is on the host only.
    const unit = readFileSync(join(DEPLOY, "webhook.service"), "utf8").replace(
      /^ExecStart=\S+/m,
      "ExecStart=/bin/true",
    );
    const path = join(place.path, "webhook.service");
    writeFileSync(path, unit);
    const { status, stderr } = await run("systemd-analyze", ["verify", "--man=no", path]);
    place.remove();
    expect([status, stderr.split("\n").filter((line) => line.includes("webhook.service"))]).toEqual([0, []]);
  });
});

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

describeUnless(programMissing("promtool") ?? programMissing("prometheus"), "Prometheus", () => {
  test("takes the rules, and they alert as their tests say", async () => {
    for (const args of [
      ["check", "rules", "alerts.rules.yml"],
      ["test", "rules", "alerts.test.yml"],
    ]) {
      const { status, stdout, stderr } = await run("promtool", args);
      expect([args[0], status, stdout + stderr]).toEqual([args[0], 0, expect.stringContaining("SUCCESS")]);
    }
  });

  test("every alert has a test", () => {
    const alerts = (file: string, key: RegExp): Set<string | undefined> =>
      new Set([...readFileSync(join(DEPLOY, file), "utf8").matchAll(key)].map(([, name]) => name));
    const rules = alerts("alerts.rules.yml", /- alert: (\w+)/g);
    expect(rules.size).toBeGreaterThan(5);
    expect(alerts("alerts.test.yml", /alertname: (\w+)/g)).toEqual(rules);
  });

  describe("on a live receiver", () => {
    const place = new Place();
    let receiver: ReceiverProcess | undefined;
    let prometheus: Running | undefined;
    let base: string;

    beforeAll(async () => {
      const config = join(place.path, "config.json");
      const forwarders = [{ name: "chat", kind: "slack", url: "http://127.0.0.1:1/", from: "beginning" }];
      writeFileSync(config, JSON.stringify({ forwarders }));
      receiver = await ReceiverProcess.start(place, 0, { NEXUS_PULL_SECRET: SECRET, NEXUS_PULL_CONFIG: config });
      await life(receiver.base);
      const port = await freePort();
      base = `http://127.0.0.1:${port}`;
      const scrape = {
        global: { scrape_interval: "1s", scrape_timeout: "1s" },
        scrape_configs: [
          { job_name: "nexus-pull-receiver", static_configs: [{ targets: [new URL(receiver.base).host] }] },
        ],
      };
      // JSON is YAML.
      writeFileSync(join(place.path, "prometheus.yml"), JSON.stringify(scrape));
      const args = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=tsdb",
        `--web.listen-address=127.0.0.1:${port}`,
      ];
      prometheus = start("prometheus", args, { cwd: place.path, env, timeoutMs: 240_000 });
    });
    afterAll(async () => {
      prometheus?.child.kill("SIGTERM");
      await prometheus?.ended;
      await receiver?.end();
      place.remove();
    });

    async function life(receiverBase: string): Promise<void> {
      const beat = heartbeat("nexus-09", "9".repeat(32), 1);
      expect(await post(receiverBase, beat.body, signed("nexus-09", beat.id, beat.body))).toBe(200);
      expect(await post(receiverBase, beat.body, { ...signed("nexus-08", beat.id, beat.body) })).not.toBe(200);
      const told = ["--import", "tsx", "receiver/scripts/post-examples.ts", receiverBase, "0"];
      const options = { cwd: ROOT, env: { ...env, NEXUS_PULL_SECRET: SECRET }, timeoutMs: 60_000 };
      expect((await start(process.execPath, told, options).ended).status).toBe(0);
    }

    async function values(expression: string): Promise<number> {
      const query = new URLSearchParams({ query: expression.replaceAll("$__rate_interval", "10s") });
      const answer = await fetch(`${base}/api/v1/query?${query}`).catch(() => undefined);
      // Prometheus says so while it starts, in words and not in JSON.
      if (answer?.status === 503) return 0;
      const body = (await answer?.json()) as
        { status: string; error?: string; data?: { result: unknown[] } } | undefined;
      if (body?.status === "error") throw new Error(`${expression}: ${body.error}`);
      return body?.data?.result.length ?? 0;
    }

    const { panels } = JSON.parse(readFileSync(join(DEPLOY, "grafana-dashboard.json"), "utf8")) as { panels: Panel[] };
    const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

    test("there are panels", () => expect(queries.length).toBeGreaterThan(10));
    test.each(queries)("%s: %s has values", async (_title, expression) => {
      await until(`${expression} has values`, async () => (await values(expression)) > 0, 60_000);
    });

    test("fails when promtool finds a metric misnamed", async () => {
      const input = await (await fetch(`${receiver?.base}/metrics`)).text();
      expect(execFileSync("promtool", ["check", "metrics"], { input, encoding: "utf8" })).toBe("");
    });

    test("fails when an alert asks for a metric that there is not", async () => {
      const expressions = [...readFileSync(join(DEPLOY, "alerts.rules.yml"), "utf8").matchAll(/expr: (.+)/g)];
      const metrics = new Set(expressions.flatMap(([, text = ""]) => text.match(/nexus_pull_\w+/g) ?? []));
      expect(metrics.size).toBeGreaterThan(3);
      for (const metric of metrics) await until(`${metric} has values`, async () => (await values(metric)) > 0);
    });
  });
});
