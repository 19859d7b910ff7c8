// How long nexus-pull takes to start, beside a Node program that does nothing: its bundle is loaded in pieces for this.
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(__dirname, "..", "..");
const ROUNDS = 15;
/** On a machine where Node alone takes no more than 60 ms. */
const GOAL_MS = 150;
const GOAL_RATIO = 2.5;

function once(args: readonly string[]): number {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [...args], { stdio: "ignore", timeout: 30_000 });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}`);
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function main(): number {
  execFileSync(process.execPath, ["--require", "tsx/cjs", "cli/scripts/build.ts"], { cwd: ROOT, stdio: "inherit" });
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-start-"));
  try {
    const nothing = join(folder, "nothing.mjs");
    writeFileSync(nothing, "");
    const program = join(ROOT, "cli", "dist", "nexus-pull.mjs");
    const [base, help, why]: [number[], number[], number[]] = [[], [], []];
    // In turn, so that a machine that is busy for a while is busy for all of them.
    for (let round = 0; round < ROUNDS; round++) {
      base.push(once([nothing]));
      help.push(once([program, "--help"]));
      why.push(once([program, "why", "--code", "dns_failure"]));
    }
    return report(median(base), [
      ["--help", median(help)],
      ["why --code", median(why)],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(base: number, commands: readonly (readonly [name: string, ms: number])[]): number {
  let status = 0;
  process.stdout.write(`node alone ${base.toFixed(0)} ms\n`);
  for (const [name, ms] of commands) {
    const ratio = ms / base;
    const missed = ratio > GOAL_RATIO && ms > GOAL_MS;
    if (missed) status = 1;
    const goal = `goal <= ${GOAL_MS} ms or ${GOAL_RATIO} times node`;
    process.stdout.write(
      `nexus-pull ${name} ${ms.toFixed(0)} ms, ${ratio.toFixed(2)} times node (${goal})${missed ? " MISSED" : ""}\n`,
    );
  }
  return status;
}

process.exitCode = main();
