// A real PostgreSQL server in a temporary folder, on a socket of its own, that ends with the test.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../host/processes";
import { tool } from "../host/tools";

/** It refuses to run as root; this is nobody, who is in every system. */
const NOBODY = 65_534;
const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };

function program(name: string): string {
  return join(tool("postgres"), name);
}

/** Tests are many on a small machine: little memory, no background work that they do not need. */
const SETTINGS = ["shared_buffers=32MB", "max_connections=60", "autovacuum=off", "listen_addresses="];

/** A crash of the server needs no disk to survive it, and flushes on a busy one take seconds. */
const MEMORY = "/dev/shm";
const ROOM = 1_000_000_000;

function roomIn(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > ROOM;
  } catch {
    return false;
  }
}

export class PostgresServer {
  private child?: ChildProcess;
  private output = "";
  private databases = 0;

  private constructor(private readonly folder: string) {}

  public static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(roomIn(MEMORY) ? MEMORY : tmpdir(), "pg-"));
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
    const server = new PostgresServer(folder);
    const args = ["-D", join(folder, "data"), "-U", "nexus", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
    const made = spawnSync(program("initdb"), args, { cwd: folder, env, encoding: "utf8", timeout: 120_000, ...user });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}${made.error?.message ?? ""}`);
    await server.run();
    return server;
  }

  /** Starts it, also after it was ended. */
  public async run(): Promise<void> {
    const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
    const args = ["-D", join(this.folder, "data"), "-k", this.folder, ...settings];
    this.output = "";
    const child = spawn(program("postgres"), args, { cwd: this.folder, env, detached: true, ...user });
    this.child = child;
    process.once("exit", this.kill);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    const isReady = (): boolean => this.output.includes("ready to accept connections") || child.exitCode !== null;
    await until("PostgreSQL is ready", isReady, 120_000);
    if (child.exitCode !== null) throw new Error(`PostgreSQL ended:\n${this.output}`);
  }

  private readonly kill = (): void => {
    if (this.child?.pid === undefined || this.child.exitCode !== null) return;
    try {
      process.kill(-this.child.pid, "SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  };

  /** Ends it at once, as a crash does: connections break, and the next start recovers from the log. */
  public async crash(): Promise<void> {
    await this.end("SIGQUIT");
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
    process.removeListener("exit", this.kill);
  }

  /** A new database's address. */
  public create(settings: readonly string[] = []): string {
    const name = `t${(this.databases += 1)}`;
    this.sql(`CREATE DATABASE ${name}`);
    for (const setting of settings) this.sql(`ALTER DATABASE ${name} SET ${setting}`);
    return `postgres://nexus@localhost/${name}?host=${encodeURIComponent(this.folder)}`;
  }

  /** Runs a statement, and gives what it prints. */
  public sql(statement: string, database = "postgres"): string {
    const args = ["-h", this.folder, "-U", "nexus", "-d", database, "-XAtc", statement];
    const run = spawnSync(program("psql"), args, { env, encoding: "utf8", timeout: 60_000 });
    if (run.status !== 0) throw new Error(`psql: ${run.stderr}${run.error?.message ?? ""}`);
    return run.stdout.trim();
  }

  public async stop(): Promise<void> {
    await this.end("SIGQUIT");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
