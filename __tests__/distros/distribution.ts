// A distribution with its own Python, systemd and package manager, booted in a container, that gets a seed as cloud-init
// gives it: the real script, the real agent, the real units.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentProgram } from "../../lib/seed/agent-program";
import { renderUnits } from "../../lib/seed/units";
import { renderSeedScript } from "../../lib/seed/seed-script";
import { readExamples } from "@nexus-pull/contract/test-support";
import { start } from "../../lab/host/processes";

export const FLEET = "dev";
export const VM = "nexus-01";
const LIMIT_MS = 900_000;

// What cloud-init and systemd do at a first boot, and what somebody looks at afterwards. The receiver has all events before
// the machine goes: the spool is empty then, or the end of the limit says that it is not.
const FIRST_BOOT = `#!/bin/sh
exec >/own/said 2>&1
sh /own/seed.sh
echo "adopted: $?"
systemctl start nexus-pull.service
echo "first run: $?"
systemctl start nexus-pull.service
echo "second run: $?"
tries=0
while ls /var/lib/nexus-pull/spool/*.json >/dev/null 2>&1 && [ "$tries" -lt 300 ]; do sleep 0.2; tries=$((tries + 1)); done
nexus-pull-agent status
echo "status: $?"
nexus-pull-agent status --json >/own/status.json
systemctl --failed --no-legend --plain
echo "failed units: end"
cp /var/log/ansible-pull.log /own/
journalctl --boot --no-pager >/own/journal
systemctl poweroff --no-block
`;
const UNIT = `[Unit]
Description=the first boot, as a test has it
[Service]
Type=oneshot
ExecStart=/bin/sh /own/first-boot
TimeoutStartSec=infinity
`;

/** What happened there. */
export interface FirstBoot {
  /** What the commands of the first boot said, in order. */
  readonly said: string;
  readonly status: Readonly<Record<string, unknown>>;
  readonly ansibleLog: string;
  readonly journal: string;
  /** For a message: everything that may explain a failure. */
  readonly all: string;
}

export interface Asked {
  readonly receiver: string;
  readonly secret: string;
  /** `bootstrap.ansible_core` of the configuration. */
  readonly ansibleCore?: { readonly minimum?: string; readonly pip?: string };
  readonly playbook: string;
}

const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");

function seedScript({ receiver, secret, ansibleCore = {} }: Asked): string {
  const { version, sha256: program, gzipBase64 } = agentProgram();
  const example = readExamples("agent-config").valid[0]?.value as Record<string, Record<string, unknown>>;
  const config = {
    ...example,
    identity: { ...example.identity, fleet: FLEET, vm: VM },
    source: {
      ...example.source,
      url: "file:///own/repository",
      ref: "main",
      commit: null,
      credential: { kind: "none" },
      verify: { policy: "none", object: "commit" },
    },
    run: {
      playbooks: ["site.yml"],
      extra_vars: {},
      mode: "apply",
      timeout_s: 300,
      tags: [],
      skip_tags: [],
      verbosity: 0,
    },
    bootstrap: { deadline_s: 700, ansible_core: ansibleCore },
    receiver: { url: `${receiver}/webhook`, heartbeat_s: 900 },
    vault: null,
    agent: { version, sha256: program },
  };
  const units = renderUnits({
    runTimeoutSeconds: 300,
    bootstrapTimeoutSeconds: 700,
    schedule: { interval_s: 1800, jitter_s: 300 },
    heartbeatSeconds: 900,
  });
  const files = units.map(({ content, ...file }) => ({
    ...file,
    content_b64: Buffer.from(content).toString("base64"),
  }));
  const secrets = { receiver_key: sha256(secret + sha256(`${secret}${FLEET}/${VM}`)) };
  return renderSeedScript({
    seedBase64: Buffer.from(JSON.stringify({ config, secrets, files })).toString("base64"),
    agentBase64: gzipBase64,
    folder: "/run/nexus-pull/seed",
    program: "/usr/local/bin/nexus-pull-agent",
    console: "/dev/console",
  });
}

function repository(folder: string, playbook: string): void {
  mkdirSync(folder);
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.org", ...args], { cwd: folder });
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(folder, "site.yml"), playbook);
  git("add", "--all");
  git("-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "a playbook");
}

/** Boots it, and returns when it has switched itself off. What it writes is gone then; it shares this machine's loopback. */
export async function firstBoot(root: string, asked: Asked): Promise<FirstBoot> {
  const folder = mkdtempSync(join(tmpdir(), "distribution-"));
  const own = join(folder, "own");
  mkdirSync(own);
  try {
    repository(join(own, "repository"), asked.playbook);
    writeFileSync(join(own, "seed.sh"), seedScript(asked), { mode: 0o600 });
    writeFileSync(join(own, "first-boot"), FIRST_BOOT);
    writeFileSync(join(folder, "unit"), UNIT);
    const how = ["--quiet", "--boot", "--volatile=overlay", "--register=no", "--keep-unit", "--console=pipe"];
    const binds = [`--bind=${own}:/own`, `--bind-ro=${join(folder, "unit")}:/etc/systemd/system/first-boot.service`];
    const args = [...how, ...binds, "--machine=nexus-01", "--directory", root, "systemd.wants=first-boot.service"];
    const env = { PATH: process.env.PATH };
    const machine = start("systemd-nspawn", args, { cwd: folder, env, timeoutMs: LIMIT_MS, keepStdin: true });
    const { stdout, stderr } = await machine.ended;
    const read = (name: string): string => {
      try {
        return readFileSync(join(own, name), "utf8");
      } catch {
        return "";
      }
    };
    const [said, ansibleLog, journal] = [read("said"), read("ansible-pull.log"), read("journal")];
    const all = [stdout, stderr, said, ansibleLog, journal].join("\n---\n");
    return { said, ansibleLog, journal, all, status: JSON.parse(read("status.json") || "{}") as FirstBoot["status"] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
