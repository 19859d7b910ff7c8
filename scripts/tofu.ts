// `npm run tofu -- <environment> <arguments>`: OpenTofu in the stack's folder. tofu-command.ts decides, this file does.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  cloneNotBegun,
  interruptFilter,
  mayRunAgain,
  OLDEST_TOFU,
  parseRequest,
  RERUNS,
  retrySeconds,
  UsageError,
  versionProblem,
  withVariables,
  writesLockFile,
} from "./tofu-command";

const FORWARDED: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

function stackFolder(environment: string): string {
  // The variable is cdktf's own.
  const folder = resolve(process.env.CDKTF_OUTDIR ?? "cdktf.out", "stacks", environment);
  if (existsSync(join(folder, "cdk.tf.json"))) return folder;
  throw new UsageError(
    existsSync(join("environments", `${environment}.yaml`))
      ? `${environment} is not synthesized yet: run npm run synth`
      : `there is no environment ${environment}: no environments/${environment}.yaml and no stack of that name`,
  );
}

function findTofu(): string {
  const given = process.env.NEXUS_PULL_TOFU;
  const program = given === undefined || given === "" ? "tofu" : resolve(given);
  const run = spawnSync(program, ["version"], { encoding: "utf8" });
  const install = `install OpenTofu ${OLDEST_TOFU} or newer, or set NEXUS_PULL_TOFU to one`;
  if (run.error !== undefined) throw new UsageError(`${program} cannot be run (${run.error.message}): ${install}`);
  const problem = versionProblem(program, run.stdout);
  if (problem !== undefined) throw new UsageError(`${problem}: ${install}`);
  return program;
}

interface Run {
  readonly status: number;
  /** Whether somebody asked it to stop. */
  readonly interrupted: boolean;
  /** The end of what it wrote to standard error; empty unless that was asked for. */
  readonly errors: string;
}

// Enough for the errors of many VMs; a longer text is cut at its beginning.
const ERRORS_KEPT = 1024 * 1024;

/** tofu's end, after which its lock on the state is released. */
async function run(program: string, args: readonly string[], cwd: string, readErrors: boolean): Promise<Run> {
  // In a session of its own a terminal's Ctrl-C does not reach tofu directly but through this process, once.
  // It still reads its prompts from the terminal: the standard streams are the same.
  const stdio = ["inherit", "inherit", readErrors ? "pipe" : "inherit"] as const;
  const child = spawn(program, [...args], { cwd, stdio: [...stdio], detached: process.platform !== "win32" });
  let errors = "";
  let interrupted = false;
  child.stderr?.on("data", (chunk: Buffer) => {
    process.stderr.write(chunk);
    errors = (errors + chunk.toString("utf8")).slice(-ERRORS_KEPT);
  });
  const filter = interruptFilter(() => performance.now());
  const handlers = FORWARDED.map((signal) => {
    const handler = (): void => {
      interrupted = true;
      forward(child, filter(signal));
    };
    return [signal, handler] as const;
  });
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    return await new Promise<Run>((done, fail) => {
      child.once("error", fail);
      // `close` comes when the last of its output is here.
      child.once("close", (status, signal) =>
        done({ status: status ?? 128 + (signal === null ? 0 : constants.signals[signal]), interrupted, errors }),
      );
    });
  } finally {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  }
}

/** Runs it, and again while clones were not begun because a template was locked. */
async function runToEnd(program: string, args: readonly string[], cwd: string, again: boolean): Promise<number> {
  for (let reruns = 0; ; reruns++) {
    const { status, interrupted, errors } = await run(program, args, cwd, again);
    if (status === 0 || interrupted || reruns === RERUNS || !cloneNotBegun(errors)) return status;
    const seconds = retrySeconds(process.env.NEXUS_PULL_RETRY_SECONDS);
    console.error(`\na template was locked: the apply is run again in ${seconds} s (${reruns + 1} of ${RERUNS})`);
    await pause(seconds * 1000);
  }
}

function forward(child: ChildProcess, signal: NodeJS.Signals | undefined): void {
  // To tofu alone: it ends its providers itself, after they have finished what they are doing.
  if (signal !== undefined) child.kill(signal);
}

/** Copies when the content differs, so that an unchanged lock file keeps its time. */
function copyIfChanged(from: string, to: string): boolean {
  if (!existsSync(from)) return false;
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return false;
  copyFileSync(from, to);
  return true;
}

async function main(argv: readonly string[]): Promise<number> {
  const { environment, args } = parseRequest(argv);
  const folder = stackFolder(environment);
  const program = findTofu();
  const committed = resolve("environments", `${environment}.lock.hcl`);
  const lockFile = join(folder, ".terraform.lock.hcl");
  copyIfChanged(committed, lockFile);
  const variables = resolve("environments", `${environment}.tfvars`);
  const full =
    statSync(variables, { throwIfNoEntry: false })?.isFile() === true ? withVariables(args, variables) : args;
  const status = await runToEnd(program, full, folder, mayRunAgain(args));
  if (status === 0 && writesLockFile(args) && copyIfChanged(lockFile, committed)) {
    console.error(`\nenvironments/${environment}.lock.hcl has changed: commit it`);
  }
  return status;
}

const USAGE_STATUS = 2;

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = USAGE_STATUS;
  },
);
