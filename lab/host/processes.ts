// Child processes that cannot outlive the test: bounded time, own process group, ended by id.
import { spawn, type ChildProcess } from "node:child_process";

/** How a process ended and what it said. */
export interface Outcome {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The time limit ended it. */
  readonly timedOut: boolean;
}

export interface ProcessOptions {
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  /** @default - nothing; standard input is closed */
  readonly stdin?: string;
  /** Leaves standard input open until the process is told to end. @default false */
  readonly keepStdin?: boolean;
  /** Milliseconds until the process group gets SIGTERM, five seconds later SIGKILL. @default 120000 */
  readonly timeoutMs?: number;
}

/** A process that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when it has ended; never rejects for an exit status. */
  readonly ended: Promise<Outcome>;
  /** What it has written so far, both streams. */
  output(): string;
}

/** Sends a signal to the process and everything that it started. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/** One Ctrl-C as a program under npm gets it: from the terminal, with its whole group, and a little later from npm. */
export async function interruptTwice(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  signalGroup(child, signal);
  await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill(signal);
}

const GRACE_MS = 5_000;

/** Starts a process in a group of its own, with captured output. */
export function start(program: string, args: readonly string[], options: ProcessOptions): Running {
  const child = spawn(program, [...args], { cwd: options.cwd, env: options.env, detached: true });
  let stdout = "";
  let stderr = "";
  let timedOut = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A program that does not read its input closes the pipe: that is no error of the test's.
  child.stdin.on("error", () => undefined);
  if (options.keepStdin !== true) child.stdin.end(options.stdin ?? "");
  const onExit = (): void => signalGroup(child, "SIGKILL");
  process.once("exit", onExit);
  const limit = setTimeout(() => {
    timedOut = true;
    signalGroup(child, "SIGTERM");
    setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS).unref();
  }, options.timeoutMs ?? 120_000);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr, timedOut }));
  }).finally(() => {
    clearTimeout(limit);
    process.removeListener("exit", onExit);
  });
  return { child, ended, output: () => stdout + stderr };
}

/** Waits until a condition holds, looking every 50 ms. Fails with `what` after the limit. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
