import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { AGENT_PROGRAM, renderUnits } from "./units";

const options = {
  runTimeoutSeconds: 3600,
  bootstrapTimeoutSeconds: 1800,
  schedule: { interval_s: 1800, jitter_s: 300 },
  heartbeatSeconds: 900,
};
const units = renderUnits(options);
const contentOf = (name: string): string => units.find((unit) => unit.path.endsWith(`/${name}`))?.content ?? "";

describe("renderUnits", () => {
  test("names the run and its timer, the boot's report, the spool's watch and the heartbeat", () => {
    expect(units.map((unit) => basename(unit.path))).toEqual([
      "nexus-pull-boot.service",
      "nexus-pull-flush.path",
      "nexus-pull-flush.service",
      "nexus-pull-heartbeat.service",
      "nexus-pull-heartbeat.timer",
      "nexus-pull.service",
      "nexus-pull.timer",
    ]);
    expect(new Set(units.map((unit) => unit.path.replace(/[^/]+$/, "")))).toEqual(new Set(["/etc/systemd/system/"]));
  });

  test("leaves out what speaks to a receiver when nobody listens", () => {
    const quiet = renderUnits({ ...options, heartbeatSeconds: undefined });
    expect(quiet.map((unit) => basename(unit.path))).toEqual(["nexus-pull.service", "nexus-pull.timer"]);
  });

  test("gives the agent longer than the run's own timeout", () => {
    const seconds = /^TimeoutStartSec=(\d+)$/m.exec(contentOf("nexus-pull.service"))?.[1];
    expect(Number(seconds)).toBeGreaterThan(3600);
  });

  test("gives the bootstrap, which the same unit starts, longer than its own timeout", () => {
    const long = renderUnits({ ...options, bootstrapTimeoutSeconds: 86_400 });
    const seconds = /^TimeoutStartSec=(\d+)$/m.exec(
      long.find(({ path }) => path.endsWith("/nexus-pull.service"))?.content ?? "",
    )?.[1];
    expect(Number(seconds)).toBeGreaterThan(86_400);
  });

  test("lets a hanging runcmd hold up the run but not the boot's report", () => {
    expect(contentOf("nexus-pull.service")).toMatch(/^After=.*cloud-final\.service/m);
    expect(contentOf("nexus-pull-boot.service")).not.toMatch(/^After=.*cloud-final/m);
  });

  test("holds up cloud-init.target with the run as little as with a receiver that does not answer", () => {
    // A target comes after what it wants, unless that says that it comes after the target.
    expect(contentOf("nexus-pull.service")).toMatch(/^After=.*cloud-init\.target/m);
    expect(contentOf("nexus-pull-flush.service")).not.toMatch(/\[Install\]/);
    expect(contentOf("nexus-pull-flush.service")).toMatch(/^Type=exec$/m);
  });

  test("runs at the interval, shifted by a delay that is the machine's own", () => {
    const timer = contentOf("nexus-pull.timer");
    expect(timer).toMatch(/^OnUnitActiveSec=1800$/m);
    expect(timer).toMatch(/^RandomizedDelaySec=300$/m);
    expect(timer).toMatch(/^FixedRandomDelay=yes$/m);
  });

  test.each([
    [900, 60],
    [30, 3],
    [1, 0],
  ])("a heartbeat every %d s is shifted by at most %d s", (heartbeatSeconds, jitter) => {
    const timer = renderUnits({ ...options, heartbeatSeconds }).find(({ path }) => path.endsWith("-heartbeat.timer"));
    expect(timer?.content).toContain(`OnUnitActiveSec=${heartbeatSeconds}\n`);
    expect(timer?.content).toContain(`RandomizedDelaySec=${jitter}\n`);
  });

  test("the flusher never gives up", () => {
    expect(contentOf("nexus-pull-flush.service")).toMatch(/^StartLimitIntervalSec=0$/m);
    expect(contentOf("nexus-pull-flush.service")).toMatch(/^Restart=on-failure$/m);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses the timeout %p", (runTimeoutSeconds) => {
    expect(() => renderUnits({ ...options, runTimeoutSeconds })).toThrow(/systemd/);
  });
});

// cloud-init's own units, as far as their order goes (Debian 12 and 13).
const CLOUD_INIT: Readonly<Record<string, string>> = {
  "cloud-init.target": "[Unit]\nAfter=multi-user.target\nWants=cloud-init.service cloud-final.service\n",
  "cloud-init.service":
    "[Unit]\nDefaultDependencies=no\nBefore=network-online.target\n[Service]\nExecStart=/bin/true\n",
  "cloud-final.service":
    "[Unit]\nAfter=network-online.target multi-user.target\nBefore=cloud-init.target\n[Service]\nExecStart=/bin/true\n",
};

const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0 ? test : test.skip;
if (analyze === test.skip)
  console.warn("SKIPPED: systemd-analyze verify of the unit files: systemd-analyze is not installed");

describe("systemd-analyze verify", () => {
  function verify(change: (content: string) => string): string {
    const root = mkdtempSync(join(tmpdir(), "units-"));
    try {
      mkdirSync(join(root, "usr/local/bin"), { recursive: true });
      writeFileSync(join(root, AGENT_PROGRAM), "");
      chmodSync(join(root, AGENT_PROGRAM), 0o755);
      const folder = join(root, "units");
      mkdirSync(folder);
      for (const [name, content] of Object.entries(CLOUD_INIT)) writeFileSync(join(folder, name), content);
      // As cloud-init's generator does it: the boot's one transaction holds all of them.
      mkdirSync(join(folder, "multi-user.target.wants"));
      symlinkSync(join(folder, "cloud-init.target"), join(folder, "multi-user.target.wants/cloud-init.target"));
      const files = units.map((unit) => {
        const file = join(folder, basename(unit.path));
        const content = change(unit.content).replaceAll(AGENT_PROGRAM, join(root, AGENT_PROGRAM));
        writeFileSync(file, content);
        for (const [, target] of content.matchAll(/^WantedBy=(.+)$/gm)) {
          const wants = join(folder, `${target}.wants`);
          mkdirSync(wants, { recursive: true });
          symlinkSync(file, join(wants, basename(file)));
        }
        return file;
      });
      // The final colon adds the host's own units (targets) behind ours.
      const env = { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:`, LC_ALL: "C.UTF-8" };
      const args = ["verify", "--man=no", ...files, "multi-user.target", "cloud-init.target", "timers.target"];
      const done = spawnSync("systemd-analyze", args, { env, encoding: "utf8" });
      return `${done.stdout}${done.stderr}`;
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  analyze("finds nothing in our units", () => {
    expect(verify((content) => content)).not.toMatch(/nexus-pull|ordering cycle/i);
  });

  analyze("sees the cycle of a run that multi-user.target wants", () => {
    expect(verify((content) => content.replace("WantedBy=cloud-init.target", "WantedBy=multi-user.target"))).toMatch(
      /ordering cycle/,
    );
  });

  analyze("sees a setting that systemd does not know", () => {
    expect(verify((content) => content.replace("KillMode=process", "KillMode=sideways"))).toMatch(
      /nexus-pull\.service/,
    );
  });
});
