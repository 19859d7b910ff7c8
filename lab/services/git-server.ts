// What the machines reach: a Git server and a receiver that records, both on loopback, both plain http.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

class LoopbackServer {
  /** Whether it hangs up on whoever calls: to a guest a closed port of this machine looks like that, too. */
  public down = false;
  private readonly server: Server;

  protected constructor(handler: Handler) {
    this.server = createServer((request, response) => {
      if (this.down) request.socket.destroy();
      else handler(request, response);
    });
  }

  public get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  public async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  public async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}

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

/** A signed event, as it came. */
export interface Delivery {
  readonly event: { readonly type: string; readonly id: string; readonly data: Record<string, unknown> };
  /** What is wrong with its signature; "" when it is good. */
  readonly problem: string;
  /** What it was answered with. */
  readonly status: number;
}

/** Records what machines say and hands it to the receiver, whose answer it gives; or 503 as often as it is told. */
export class Recorder extends LoopbackServer {
  public readonly deliveries: Delivery[] = [];
  /** Bodies that playbooks posted to /home. */
  public readonly calls: Record<string, unknown>[] = [];
  /** How many deliveries are answered with 503 from now on. */
  public refuse = 0;

  /** `receiver`: the base address of the real one. */
  public constructor(
    private readonly secret: string,
    private readonly receiver: string,
  ) {
    super((request, response) => void this.answer(request, response));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString("utf8");
    if (request.url === "/webhook") {
      const { status, text } = await this.deliver(body, request);
      response.writeHead(status, { "content-type": "application/problem+json" }).end(text);
      return;
    }
    this.calls.push(JSON.parse(body) as Record<string, unknown>);
    response.end();
  }

  private async deliver(body: string, request: IncomingMessage): Promise<{ status: number; text: string }> {
    const sent = JSON.parse(body) as Delivery["event"] | readonly Delivery["event"][];
    const events = Array.isArray(sent) ? (sent as readonly Delivery["event"][]) : [sent as Delivery["event"]];
    const answer = this.refuse > 0 ? { status: 503, text: "" } : await this.passOn(body, request);
    this.refuse = Math.max(this.refuse - 1, 0);
    // A batch is one VM's, so its first event says whose key signs it.
    const [first] = events;
    const problem = first === undefined ? "an empty batch" : this.problem(first, body, request);
    this.deliveries.push(...events.map((event) => ({ event, status: answer.status, problem })));
    return answer;
  }

  /** The same bytes with the same headers. */
  private async passOn(body: string, { headers }: IncomingMessage): Promise<{ status: number; text: string }> {
    const names = ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"];
    const kept = names.map((name) => [name, String(headers[name] ?? "")] as [string, string]);
    try {
      const answer = await fetch(`${this.receiver}/webhook`, { method: "POST", body, headers: kept });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      return { status: 502, text: String(error) };
    }
  }

  /** With the published library, and a key that is derived here anew. */
  private problem({ data }: Delivery["event"], body: string, { headers }: IncomingMessage): string {
    const hash = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");
    const key = hash(this.secret + hash(`${this.secret}${String(data.fleet)}/${String(data.vm)}`));
    try {
      const webhook = new Webhook(`whsec_${Buffer.from(key, "ascii").toString("base64")}`);
      webhook.verify(body, headers as Record<string, string>);
      return "";
    } catch (error) {
      return String(error);
    }
  }
}
