// The receiver as a process of its own, on loopback and a free port.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Outcome, type Running, signalGroup, start, until } from "../host/processes";

export const ROOT = resolve(__dirname, "..", "..");
export const SECRET = "operator-secret-0123456789abcdef";

/** A folder for what a test's receivers leave. */
export class Place {
  public readonly path = mkdtempSync(join(tmpdir(), "receiver-process-"));
  public readonly log = join(this.path, "events.log");
  public readonly data = join(this.path, "data");
  public remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export class ReceiverProcess {
  private static readonly running = new Set<Running>();

  private constructor(
    private readonly running: Running,
    public readonly base: string,
  ) {}

  public static launch(args: readonly string[], env: NodeJS.ProcessEnv = {}, timeoutMs = 300_000): Running {
    const program = ["--require", "tsx/cjs", "receiver/src/main.ts", ...args];
    const all = { PATH: process.env.PATH, HOME: process.env.HOME, ...env };
    return start(process.execPath, program, { cwd: ROOT, env: all, timeoutMs });
  }

  public static async start(
    place: Place,
    port = 0,
    env: NodeJS.ProcessEnv = { NEXUS_PULL_SECRET: SECRET },
    timeoutMs?: number,
  ) {
    const where = ["--host", "127.0.0.1", "--port", String(port), "--data", place.data, "--log-file", place.log];
    // Many clients of a test have one address.
    const running = this.launch(where, { NEXUS_PULL_RATE: "0", ...env }, timeoutMs);
    this.running.add(running);
    void running.ended.finally(() => this.running.delete(running));
    const address = (): string | undefined => /listening: (http:\/\/[^/]+)\/status/.exec(running.output())?.[1];
    await until("the receiver listens", () => address() !== undefined || running.child.exitCode !== null, 60_000);
    const base = address();
    if (base === undefined) throw new Error(`the receiver did not start:\n${running.output()}`);
    return new ReceiverProcess(running, base);
  }

  /** Ends those that a test which failed has left, started well or not. */
  public static async endAll(): Promise<void> {
    const left = [...this.running];
    for (const { child } of left) signalGroup(child, "SIGKILL");
    await Promise.all(left.map(({ ended }) => ended));
  }

  public get output(): string {
    return this.running.output();
  }

  public async signal(signal: NodeJS.Signals): Promise<void> {
    this.running.child.kill(signal);
  }

  /** Ends it and waits until it is gone. */
  public async end(signal: NodeJS.Signals = "SIGTERM"): Promise<Outcome> {
    this.running.child.kill(signal);
    return this.running.ended;
  }

  public async json<T>(path: string): Promise<T> {
    return (await (await fetch(this.base + path)).json()) as T;
  }
}
