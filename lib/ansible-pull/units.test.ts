import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { AGENT_PROGRAM, renderUnits } from "./units";

const units = renderUnits({ runTimeoutSeconds: 3600 });
const contentOf = (name: string): string => units.find((unit) => unit.path.endsWith(`/${name}`))?.content ?? "";

describe("renderUnits", () => {
  test("names the run and the boot report", () => {
    expect(units.map((unit) => unit.path)).toEqual([
      "/etc/systemd/system/nexus-pull-heartbeat.service",
      "/etc/systemd/system/nexus-pull.service",
    ]);
  });

  test("leaves the boot report out when nobody listens", () => {
    const quiet = renderUnits({ runTimeoutSeconds: 3600, reports: false });
    expect(quiet.map((unit) => unit.path)).toEqual(["/etc/systemd/system/nexus-pull.service"]);
  });

  test("gives the agent longer than the run's own timeout", () => {
    const seconds = /^TimeoutStartSec=(\d+)$/m.exec(contentOf("nexus-pull.service"))?.[1];
    expect(Number(seconds)).toBeGreaterThan(3600);
  });

  test("lets a hanging runcmd hold up the run but not the boot report", () => {
    expect(contentOf("nexus-pull.service")).toMatch(/^After=.*cloud-final\.service/m);
    expect(contentOf("nexus-pull-heartbeat.service")).not.toMatch(/^After=.*cloud-final/m);
  });

  test("holds up cloud-init.target neither with the run nor with the boot report", () => {
    // A target comes after what it wants, unless that says that it comes after the target.
    expect(contentOf("nexus-pull.service")).toMatch(/^After=.*cloud-init\.target/m);
    // A start job of this type is over as soon as the program has begun.
    expect(contentOf("nexus-pull-heartbeat.service")).toMatch(/^Type=exec$/m);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("refuses the timeout %p", (runTimeoutSeconds) => {
    expect(() => renderUnits({ runTimeoutSeconds })).toThrow(/systemd/);
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
      const args = ["verify", "--man=no", ...files, "multi-user.target", "cloud-init.target"];
      const done = spawnSync("systemd-analyze", args, { env, encoding: "utf8" });
      return `${done.stdout}${done.stderr}`;
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  analyze("finds nothing in our units", () => {
    expect(verify((content) => content)).not.toMatch(/nexus-pull|ordering cycle/);
  });

  analyze("sees the cycle of a run that multi-user.target wants", () => {
    expect(verify((content) => content.replace("WantedBy=cloud-init.target", "WantedBy=multi-user.target"))).toMatch(
      /ordering cycle/,
    );
  });

  analyze("sees a setting that systemd does not know", () => {
    expect(verify((content) => content.replace("KillMode=mixed", "KillMode=sideways"))).toMatch(/nexus-pull\.service/);
  });
});
