// receiver/deploy/ tried literally on a host that boots with systemd and has no Node: scp *, ssh, bash deploy.sh.
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heartbeat, signed } from "../../lab/services/receiver-client";
import { ROOT, SECRET } from "../../lab/services/receiver-process";
import { start, until } from "../../lab/host/processes";
import { freePort } from "../../lab/services/s3";
import { describeWith } from "../support/suites";
import { Host } from "./host";

const BUNDLE_MS = 300_000;

function resum(folder: string): void {
  const names = readdirSync(folder).filter((name) => name !== "SHA256SUMS");
  const sum = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  writeFileSync(join(folder, "SHA256SUMS"), names.map((name) => `${sum(name)}  ${name}\n`).join(""));
}

describeWith(["systemd-root"], "deploy.sh on a real host", () => {
  const work = mkdtempSync(join(tmpdir(), "deploy-"));
  const bundle = join(work, "bundle");
  let host: Host | undefined;
  let base: string;

  beforeAll(async () => {
    const args = ["run", "-s", "bundle", "-w", "nexus-vm-pull-receiver", "--", "--out", bundle];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|JEST_)/.test(name)));
    const made = await start("npm", args, { cwd: ROOT, env, timeoutMs: BUNDLE_MS }).ended;
    if (made.status !== 0) throw new Error(`the bundle could not be made: ${made.stdout}${made.stderr}`);
    host = await Host.boot();
    base = `http://127.0.0.1:${await freePort()}`;
  }, 2 * BUNDLE_MS);
  afterAll(async () => {
    await host?.end();
    rmSync(work, { recursive: true, force: true });
  });
  const there = (): Host => host as Host;

  const deploy = async (folder = bundle) => {
    await there().copy(folder, "/tmp/webhook");
    return there().run("cd /tmp/webhook && bash deploy.sh");
  };
  const pid = (): Promise<string> => there().out("systemctl show -P MainPID webhook.service");
  const say = async (seq: number): Promise<number> => {
    const { id, body } = heartbeat("nexus-01", "a".repeat(32), seq);
    return (await fetch(`${base}/webhook`, { method: "POST", body, headers: signed("nexus-01", id, body) })).status;
  };
  const positions = async (): Promise<number> =>
    ((await (await fetch(`${base}/events?limit=1000`)).json()) as { events: unknown[] }).events.length;

  test("the bundle is flat, and a file that was damaged on the way is noticed before anything is done", async () => {
    expect(readdirSync(bundle, { withFileTypes: true }).filter((one) => !one.isFile())).toEqual([]);
    expect((await there().run("command -v node")).status).not.toBe(0);
    const damaged = join(work, "damaged");
    cpSync(bundle, damaged, { recursive: true });
    writeFileSync(join(damaged, "webhook.service"), "[Service]\n");
    const { status, stderr } = await deploy(damaged);
    expect([status, stderr]).toEqual([1, expect.stringContaining("copy the folder again")]);
    expect((await there().run("test -e /opt/nexus-pull-receiver")).status).toBe(1);
  });

  test("installs, keeps another webhook.service and an old log, and is ready when the script ends", async () => {
    const { port } = new URL(base);
    await there().out(
      `mkdir -p /etc/nexus-pull-receiver && printf '%s' '{"host":"127.0.0.1","port":${port}}' >/etc/nexus-pull-receiver/config.json &&
       printf '[Service]\\nExecStart=/bin/sleep 1000\\n' >/etc/systemd/system/webhook.service && echo old >/var/log/ansible-webhook.log`,
    );
    const { status, stdout, stderr } = await deploy();
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("kept as /etc/systemd/system/webhook.service.before");
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect(await there().out("cat /var/log/nexus-pull-receiver/ansible-webhook.log.before")).toBe("old\n");
    expect((await there().out("systemctl is-enabled webhook.service")).trim()).toBe("enabled");
    expect((await there().out("stat -c %U:%a /var/lib/nexus-pull-receiver/secret")).trim()).toBe("nexus-pull:600");
    await there().out(
      `printf '%s\\n' '${SECRET}' >/var/lib/nexus-pull-receiver/secret && systemctl restart webhook.service`,
    );
    expect((await fetch(`${base}/webhook`, { method: "POST", body: '{"test":"data"}' })).status).toBe(202);
    expect(await there().out("tail -n 1 /var/log/ansible-webhook.log")).toContain('{"test":"data"}');
    expect(await say(1)).toBe(200);
  });

  test("run again it changes nothing", async () => {
    const before = await pid();
    const { status, stdout } = await deploy();
    expect([status, stdout]).toEqual([0, expect.stringMatching(/release \S+ runs already/)]);
    expect(await pid()).toBe(before);
  });

  test("logrotate moves the log away, and the receiver goes on in a new one", async () => {
    await there().out("logrotate -f /etc/logrotate.d/nexus-pull-receiver");
    await until("it is reopened", async () => (await there().run("test -e /var/log/ansible-webhook.log")).status === 0);
    expect(await say(2)).toBe(200);
    const lines = await there().out("cat /var/log/ansible-webhook.log");
    expect(lines.trim().split("\n")).toEqual([expect.stringContaining("dev/nexus-01 vm.heartbeat")]);
  });

  test("its command has the service's data, settings and secret, and leaves the store the service's", async () => {
    const asked = await there().run("nexus-pull-receiver retire dev/nexus-01");
    expect([asked.status, asked.stderr]).toEqual([0, "retired dev/nexus-01\n"]);
    await there().out(
      "nexus-pull-receiver backup /var/lib/nexus-pull-receiver/backup.db && systemctl stop webhook.service",
    );
    await there().out("cd /var/lib/nexus-pull-receiver && rm receiver.db*");
    await there().out(
      "nexus-pull-receiver restore /var/lib/nexus-pull-receiver/backup.db && systemctl start webhook.service",
    );
    expect((await there().out("nexus-pull-receiver verify 2>&1")).trim()).toMatch(/^ok: 3 events, 1 VMs/);
    expect(await say(3)).toBe(200);
  });

  test("fails when an upgrade loses data, when a release that cannot start stays, or when there is no way back", async () => {
    const first = (await there().out("readlink /opt/nexus-pull-receiver/current")).trim();
    const next = join(work, "next");
    cpSync(bundle, next, { recursive: true });
    writeFileSync(join(next, "VERSION"), "9.9.9\n");
    resum(next);
    expect((await deploy(next)).status).toBe(0);
    expect((await there().out("readlink /opt/nexus-pull-receiver/current")).trim()).toMatch(/releases\/9\.9\.9-/);
    expect(await say(4)).toBe(200);
    const broken = join(work, "broken");
    cpSync(bundle, broken, { recursive: true });
    writeFileSync(join(broken, "VERSION"), "9.9.10\n");
    const unit = readFileSync(join(broken, "webhook.service"), "utf8");
    writeFileSync(join(broken, "webhook.service"), unit.replace("current/run ", "current/absent "));
    resum(broken);
    const failed = await deploy(broken);
    expect([failed.status, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/9\.9\.10-\S+ did not come up; 9\.9\.9-/),
    ]);
    await until("the one before runs", async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok === true);
    expect((await there().run("cd /tmp/webhook && bash deploy.sh --rollback")).status).toBe(0);
    expect((await there().out("readlink /opt/nexus-pull-receiver/current")).trim()).toBe(first);
    expect(await positions()).toBeGreaterThanOrEqual(3);
  });

  test("wrong settings are said before the running release is touched", async () => {
    const before = await pid();
    await there().out("cp -p /etc/nexus-pull-receiver/config.json /tmp/good.json");
    await there().out(`printf '{"prot": 1}' >/etc/nexus-pull-receiver/config.json`);
    const { status, stderr } = await deploy(join(work, "next"));
    await there().out("cp -p /tmp/good.json /etc/nexus-pull-receiver/config.json");
    expect([status, stderr]).toEqual([1, expect.stringMatching(/prot: no such setting[^]*nothing was changed/)]);
    expect(await pid()).toBe(before);
  });

  test("a receiver that stands still is started again by the watchdog", async () => {
    await there().out(
      "mkdir -p /run/systemd/system/webhook.service.d && printf '[Service]\\nWatchdogSec=6\\n' >/run/systemd/system/webhook.service.d/fast.conf && " +
        "systemctl daemon-reload && systemctl restart webhook.service",
    );
    const before = await pid();
    await there().out(`kill -STOP ${before}`);
    await until("another process runs", async () => !["0", before.trim()].includes((await pid()).trim()), 90_000);
    await until("it answers", async () => (await fetch(`${base}/readyz`).catch(() => undefined))?.ok === true);
  });

  test("is removed with its data kept, and with --purge without a trace", async () => {
    expect((await there().run("cd /tmp/webhook && bash deploy.sh --uninstall")).status).toBe(0);
    expect((await there().run("test -e /opt/nexus-pull-receiver")).status).toBe(1);
    expect(await there().out("cat /etc/systemd/system/webhook.service")).toContain("/bin/sleep 1000");
    await there().out("test -e /var/lib/nexus-pull-receiver/receiver.db");
    expect((await deploy()).status).toBe(0);
    expect(await positions()).toBeGreaterThanOrEqual(3);
    expect((await there().run("cd /tmp/webhook && bash deploy.sh --uninstall --purge")).status).toBe(0);
    const left = await there().run(
      "ls -d /opt/nexus-pull-receiver /var/lib/nexus-pull-receiver /etc/nexus-pull-receiver /var/log/ansible-webhook.log /usr/local/bin/nexus-pull-receiver",
    );
    expect(left.stdout).toBe("");
    expect((await there().run("getent passwd nexus-pull")).status).not.toBe(0);
  });
});
