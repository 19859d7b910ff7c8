// `npm run test:truth [-- SERIES[:CASE,CASE...]...]`: the truth table on every ansible-core, in full on the oldest and the newest.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";
import { linesOf } from "../../receiver/src/maintain/lines";
import { findCores, type Core } from "./cores";
import { CASES, judge, type Result } from "./judge";
import { startSshGit, type SshGit } from "./ssh-git";

/** What differs from one ansible-core to another. The others are about git and the agent. */
const CORE_DOZEN = [
  "clean_run",
  "corrective_run",
  "callback_disabled_by_repository",
  "hostile_extra_vars",
  "yaml_error",
  "missing_static_role",
  "include_missing_role",
  "unknown_module",
  "collection_missing",
  "failed_task",
  "no_host_matched",
  "callback_import_error",
  "vault_password_wrong",
  "audit_drift",
];
const AT_LEAST = 30;
/** Two cores; a third one waits with the agent in its pauses. */
const WORKERS = 3;

interface Plan extends Core {
  readonly cases: readonly string[];
}

async function runCases(plan: Plan, ssh: SshGit, keyFile: string, each: (result: Result) => void): Promise<void> {
  const options = ["--core", plan.folder, "--ssh-port", String(ssh.port), "--ssh-host-key", ssh.hostKey];
  const args = [
    "-m",
    "truth.run_cases",
    ...options,
    "--deploy-key",
    keyFile,
    "--workers",
    String(WORKERS),
    ...plan.cases,
  ];
  const cwd = join(REPOSITORY, "agent");
  const child = spawn("python3", args, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  for await (const line of linesOf(child.stdout)) each(JSON.parse(line) as Result);
  const status = await ended;
  if (status !== 0) throw new Error(`the cases with ansible-core ${plan.series} ended with ${status}`);
}

const pad = (texts: readonly string[]): string =>
  [33, 17, 13, 22].reduce((line, width, index) => line + (texts[index] ?? "").padEnd(width), "") + (texts[4] ?? "");

/** Prints the plan's rows; returns how many do not hold. */
async function table(plan: Plan, ssh: SshGit, keyFile: string): Promise<number> {
  const note = plan.unpinned ? ", newer than what tools/ansible-cores.sh pins" : "";
  process.stdout.write(`\nansible-core ${plan.series}${note}: ${plan.cases.length} cases\n`);
  process.stdout.write(`${pad(["case", "last event", "phase", "outcome", "reason"])}\n`);
  const open = new Set(plan.cases);
  let bad = 0;
  await runCases(plan, ssh, keyFile, (result) => {
    const expected = CASES.find(({ id }) => id === result.case);
    if (expected === undefined) throw new Error(`${result.case} is not in contract/truth.json`);
    open.delete(result.case);
    if (result.skipped !== null && process.env.CI === undefined) {
      process.stdout.write(`NOT RUN ${result.case}: ${result.skipped}\n`);
      return;
    }
    const seen = judge(expected, result);
    const row = pad([result.case, seen.lastEvent, seen.phase, seen.outcome, seen.reason]);
    process.stdout.write(`${row}\n`);
    if (seen.wrong.length === 0) return;
    bad += 1;
    const { last_event, phase, outcome, reason } = expected;
    process.stdout.write(`${pad(["  EXPECTED", last_event, phase, outcome, reason])}\n`);
    process.stdout.write(`  ${seen.wrong.join("\n  ")}\n${result.log.replace(/^/gm, "  | ")}\n`);
  });
  for (const name of open) process.stdout.write(`NO RESULT ${name}\n`);
  return bad + open.size;
}

function plansOf(asked: readonly string[]): Plan[] {
  const all = CASES.map(({ id }) => id);
  const cores = findCores();
  const oldestAndNewest = [cores[0]?.series, cores[cores.length - 1]?.series];
  if (asked.length === 0)
    return cores.map((core) => ({ ...core, cases: oldestAndNewest.includes(core.series) ? all : CORE_DOZEN }));
  return asked.map((word) => {
    const [series = "", cases] = word.split(":");
    const core = cores.find((one) => one.series === series);
    if (core === undefined)
      throw new Error(`ansible-core ${series} is not there: ${cores.map((c) => c.series).join(" ")}`);
    return { ...core, cases: cases === undefined ? all : cases === "core" ? CORE_DOZEN : cases.split(",") };
  });
}

const unpinnedHint = ({ series }: Core, wrong: number): string =>
  `\n${wrong} of them with ansible-core ${series}, which PyPI serves and nothing here pins: what fails on it only came with that\n` +
  `release, not with a change here. Follow it, then pin it in tools/ansible-cores.sh and its requirements.txt.\n`;

async function main(asked: readonly string[]): Promise<number> {
  if (CASES.length < AT_LEAST) throw new Error(`contract/truth.json has ${CASES.length} cases, not ${AT_LEAST}`);
  const begun = Date.now();
  const plans = plansOf(asked);
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-truth-"));
  const ssh = await startSshGit();
  let bad = 0;
  const hints: string[] = [];
  try {
    const keyFile = join(folder, "deploy-key");
    writeFileSync(keyFile, ssh.deployKey, { mode: 0o600 });
    for (const plan of plans) {
      const wrong = await table(plan, ssh, keyFile);
      if (wrong > 0 && plan.unpinned) hints.push(unpinnedHint(plan, wrong));
      bad += wrong;
    }
  } finally {
    await ssh.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const rows = plans.reduce((sum, { cases }) => sum + cases.length, 0);
  const seconds = Math.round((Date.now() - begun) / 1000);
  const versions = plans.map(({ series, cases }) => `${series} (${cases.length})`).join(", ");
  process.stdout.write(`\n${rows - bad} of ${rows} hold in ${seconds} s: ${versions}\n`);
  process.stdout.write(hints.join(""));
  return bad === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(3);
  },
);
