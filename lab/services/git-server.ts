// A Git server on loopback, plain http, with one repository.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LoopbackServer } from "./loopback-server";

/** Serves a repository by `git http-backend`: dumb http would fail with a shallow clone. */
export class GitServer extends LoopbackServer {
  private readonly folder = mkdtempSync(join(tmpdir(), "nexus-pull-vm-git-"));
  private readonly work = join(this.folder, "work");
  public static readonly path = "/ansible.git";

  public constructor() {
    super((request, response) => this.answer(request, response));
    mkdirSync(this.work);
    this.git("init", "--quiet", "--initial-branch=main");
  }

  /** Commits files to a branch, which is made from where the work tree is; returns the commit. */
  public commit(branch: string, files: Readonly<Record<string, string>>): string {
    this.git("checkout", "--quiet", "-B", branch);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.work, name), text);
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "-m", `change ${branch}`);
    return this.git("rev-parse", "HEAD");
  }

  public override async stop(): Promise<void> {
    await super.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private git(...args: string[]): string {
    const who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    return execFileSync("git", [...who, ...args], { cwd: this.work, encoding: "utf8" }).trim();
  }

  /** CGI: the head of the program's answer becomes the head of ours. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [path = "", query = ""] = (request.url ?? "").split("?");
    const { headers } = request;
    const env = {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: join(this.work, ".git"),
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: path.replace(GitServer.path, ""),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
    };
    const backend = spawn("git", ["http-backend"], { env, stdio: ["pipe", "pipe", "ignore"] });
    const pieces: Buffer[] = [];
    backend.stdout.on("data", (piece: Buffer) => pieces.push(piece));
    backend.stdin.on("error", () => undefined);
    backend.once("error", () => response.writeHead(500).end());
    backend.once("close", () => reply(response, Buffer.concat(pieces)));
    request.pipe(backend.stdin);
  }
}

function reply(response: ServerResponse, answer: Buffer): void {
  const split = answer.indexOf("\r\n\r\n");
  const head = answer.subarray(0, Math.max(split, 0)).toString("latin1").split("\r\n").filter(Boolean);
  const pairs = head.map((line) => line.split(/:\s*/, 2) as [string, string]);
  const status = pairs.find(([name]) => name.toLowerCase() === "status")?.[1];
  for (const [name, value] of pairs) response.setHeader(name, value);
  response.writeHead(split < 0 ? 500 : parseInt(status ?? "200", 10)).end(answer.subarray(split + 4));
}
