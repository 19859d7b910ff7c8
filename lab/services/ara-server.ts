// A real ARA server, on loopback and a free port, with an empty database of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Running, signalGroup, start, until } from "../host/processes";
import { freePort } from "./s3";
import { tool } from "../host/tools";

export interface AraResult {
  readonly status: string;
  readonly changed: boolean;
}

export class AraServer {
  private constructor(
    private readonly folder: string,
    private readonly running: Running,
    public readonly base: string,
  ) {}

  public static async start(): Promise<AraServer> {
    const folder = mkdtempSync(join(tmpdir(), "ara-"));
    const program = join(tool("ara"), "bin", "ara-manage");
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      ARA_BASE_DIR: folder,
      ARA_ALLOWED_HOSTS: '["127.0.0.1"]',
    };
    const migrated = await start(program, ["migrate"], { cwd: folder, env, timeoutMs: 120_000 }).ended;
    if (migrated.status !== 0) throw new Error(`ara-manage migrate: ${migrated.stdout}${migrated.stderr}`);
    const address = `127.0.0.1:${await freePort()}`;
    const options = { cwd: folder, env, timeoutMs: 300_000 };
    const running = start(program, ["runserver", "--noreload", address], options);
    const server = new AraServer(folder, running, `http://${address}`);
    await until("ARA answers", () =>
      fetch(`${server.base}/api/v1/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    return server;
  }

  public async list<T>(kind: string): Promise<readonly T[]> {
    const answer = await fetch(`${this.base}/api/v1/${kind}?limit=1000`);
    return ((await answer.json()) as { results: readonly T[] }).results;
  }

  public async end(): Promise<void> {
    signalGroup(this.running.child, "SIGTERM");
    await this.running.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
