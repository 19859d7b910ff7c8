import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { agentProgram } from "../../lib/seed/agent-program";
import { renderUnits } from "../../lib/seed/units";
import { readPackageFile } from "../../lib/templates/package-root";
import { renderSeedScript } from "../../lib/seed/seed-script";

const unitFiles = renderUnits({
  runTimeoutSeconds: 60,
  bootstrapTimeoutSeconds: 60,
  schedule: { interval_s: 1800, jitter_s: 300 },
  heartbeatSeconds: 900,
});

// The real script in real shells with the real agent, which adopts into a temporary root; systemctl alone is not real.
describe.each(["dash", "bash"])("the seed script in %s", (shellName) => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "seed-script-"));
    place("etc/machine-id", "0".repeat(32));
    place("dev/console", "");
    place("usr/bin/systemctl", `#!/bin/sh\necho "$*" >>${root}/systemctl.log\n`);
    chmodSync(join(root, "usr/bin/systemctl"), 0o755);
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function place(path: string, content: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }

  function seed(generation: string, secrets: Record<string, string> = {}, sha256 = agentProgram().sha256): string {
    const examples = JSON.parse(readPackageFile("contract/examples/agent-config.json")) as {
      valid: { value: Record<string, unknown> }[];
    };
    const { version } = agentProgram();
    const config = { ...examples.valid[0]?.value, generation, receiver: null, vault: null, agent: { version, sha256 } };
    const files = unitFiles.map(({ content, ...file }) => ({
      ...file,
      content_b64: Buffer.from(content).toString("base64"),
    }));
    return Buffer.from(JSON.stringify({ config, secrets, files })).toString("base64");
  }

  function script(seedBase64: string, agentBase64: string | undefined = agentProgram().gzipBase64): string {
    const folder = join(root, "run/nexus-pull/seed");
    const program = join(root, "usr/local/bin/nexus-pull-agent");
    const console = join(root, "dev/console");
    return renderSeedScript({ seedBase64, agentBase64, folder, program, console });
  }

  /** As cloud-init does it: one script of all bootcmd entries, ours first. */
  function boot(first: string): { status: number | null; stdout: string; stderr: string } {
    place("bootcmd.sh", `#!/bin/sh\n${first.trimEnd()}\necho "user $? $(umask) $(pwd)"\n`);
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], NEXUS_PULL_ROOT: root };
    return spawnSync(shellName, [join(root, "bootcmd.sh")], { cwd: root, env, encoding: "utf8" });
  }

  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const mode = (path: string): string => (statSync(join(root, path)).mode & 0o7777).toString(8);

  test("adopts the seed, leaves nothing unpacked, and lets the user's own bootcmd go on as it was", () => {
    const umask = process.umask().toString(8).padStart(4, "0");
    const done = boot(script(seed("a".repeat(64), { git_token: "CANARY" })));
    expect(done.stderr).toBe("");
    expect(done.stdout).toContain("adopted generation aaaaaaaaaaaa");
    expect(done.stdout).toContain(`user 0 ${umask} ${root}`);
    expect(read("etc/nexus-pull/secrets/git_token")).toBe("CANARY");
    expect(mode("etc/nexus-pull/agent.json")).toBe("600");
    expect(read("etc/systemd/system/nexus-pull.service")).toBe(unitFiles.at(-2)?.content);
    expect(existsSync(join(root, "run/nexus-pull/seed"))).toBe(false);
    expect(read("systemctl.log").split("\n").slice(2)).toEqual([
      "restart --no-block nexus-pull-flush.path nexus-pull-heartbeat.timer nexus-pull.timer",
      "start --no-block nexus-pull-boot.service nexus-pull.service",
      "",
    ]);
  });

  test("does nothing at the next boot, and adopts the next generation with the image's agent", () => {
    boot(script(seed("a".repeat(64))));
    expect(boot(script(seed("a".repeat(64)))).stdout).toContain("is adopted already");
    const withoutAgent = renderSeedScript({
      seedBase64: seed("b".repeat(64)),
      folder: join(root, "run/nexus-pull/seed"),
      program: join(root, "usr/local/bin/nexus-pull-agent"),
      console: join(root, "dev/console"),
    });
    expect(boot(withoutAgent).stdout).toContain("adopted generation bbbbbbbbbbbb");
  });

  test.each([
    ["a broken agent", (): string => script(seed("a".repeat(64)), "AAAA")],
    ["another agent than the configured one", (): string => script(seed("a".repeat(64), {}, "0".repeat(64)))],
    ["a seed that does not keep the contract", (): string => script(Buffer.from("{}").toString("base64"))],
    ["a seed that is no JSON", (): string => script("AAAA")],
  ])("says so on the console and lets the boot go on: %s", (_, make) => {
    const done = boot(make());
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/user [1-9]/);
    expect(read("dev/console")).toContain("could NOT be adopted");
    expect(done.stderr).toContain("could NOT be adopted");
    expect(existsSync(join(root, "run/nexus-pull/seed"))).toBe(false);
    expect(existsSync(join(root, "etc/nexus-pull/agent.json"))).toBe(false);
  });

  test("keeps what it unpacks from other users", () => {
    place(
      "usr/bin/systemctl",
      `#!/bin/sh\nls -ld ${root}/run/nexus-pull/seed ${root}/run/nexus-pull/seed/* >>${root}/ls.log\n`,
    );
    boot(script(seed("a".repeat(64))));
    const modes = read("ls.log")
      .trim()
      .split("\n")
      .map((line) => line.slice(4, 10));
    expect(new Set(modes)).toEqual(new Set(["------"]));
    expect(modes.length).toBeGreaterThan(3);
  });
});

const shellcheckIsThere = spawnSync("shellcheck", ["--version"]).status === 0;

// Skipped where it is not installed, but never in CI.
(shellcheckIsThere || process.env["CI"] ? test : test.skip)("shellcheck finds nothing in the seed script", () => {
  const script = renderSeedScript({ agentBase64: "QUdFTlQ=", seedBase64: "U0VFRA==" });
  const done = spawnSync("shellcheck", ["--shell=sh", "-"], { input: script, encoding: "utf8" });
  expect(done.error).toBeUndefined();
  expect(done.stdout).toBe("");
});
