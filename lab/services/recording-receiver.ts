// A receiver that only records: it checks ids and MACs by an implementation of its own and answers as the contract says.
import { createHash } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly body: string;
  readonly status: number;
}

/** What happens to the next request instead of, or after, its work. */
export type Fault = { readonly status: number } | "lost response";

export interface WaitAnswer {
  readonly status: number;
  readonly text: string;
}

const hash = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");

export class RecordingReceiver {
  public readonly requests: Recorded[] = [];
  /** Taken one a request. */
  public readonly faults: Fault[] = [];
  /** Taken one a wait; then 504. */
  public readonly waits: WaitAnswer[] = [];
  /** Changes of the roster and releases are appended here, one line each. */
  public log?: string;
  /** Told of each request before it is answered. */
  public onRequest?: (request: Recorded) => void;
  private readonly used = new Set<string>();
  private newest = "";
  private server?: Server;
  private port = 0;

  public constructor(
    public secrets: string[],
    private readonly tls?: { readonly cert: string; readonly key: string },
  ) {}

  public get webhookUrl(): string {
    return `${this.tls === undefined ? "http" : "https"}://localhost:${this.port}/webhook`;
  }

  /** Starts it, on the port that it had before if it was stopped; nothing when it runs. */
  public async start(): Promise<void> {
    if (this.server !== undefined) return;
    const handler = (request: IncomingMessage, response: ServerResponse): void => void this.handle(request, response);
    this.server = this.tls === undefined ? createHttp(handler) : createHttps(this.tls, handler);
    await new Promise<void>((resolve) => this.server?.listen(this.port, "127.0.0.1", resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  public async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  /** Requests since the last call. */
  public take(): Recorded[] {
    return this.requests.splice(0);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString("utf8");
    const [path = ""] = (request.url ?? "").split("?");
    const id = String(request.headers["nexus-pull-id"] ?? "");
    const fault = this.faults.shift();
    const answer =
      typeof fault === "object"
        ? { status: fault.status, text: problem("unavailable") }
        : this.answer(request.method ?? "", path, id, String(request.headers["nexus-pull-mac"] ?? ""), body);
    const recorded = { method: request.method ?? "", path: request.url ?? "", id, body, status: answer.status };
    this.requests.push(recorded);
    this.onRequest?.(recorded);
    if (fault === "lost response") (request.socket as Socket).destroy();
    else response.writeHead(answer.status, { "content-type": "application/problem+json" }).end(answer.text);
  }

  private accepts(mac: string, lines: readonly string[]): boolean {
    return this.secrets.some((secret) => mac === `v1,${hash(secret + hash(secret + lines.join("\n")))}`);
  }

  private answer(method: string, path: string, id: string, mac: string, body: string): WaitAnswer {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const [fleets, fleet = "", kind = "", vm = "", action = ""] = parts;
    if (fleets !== "fleets") return { status: 404, text: problem("not_found") };
    const roster = kind === "roster";
    const lines = roster ? ["roster", fleet, id, hash(body)] : [action, fleet, vm, id];
    if (id === "" || !this.accepts(mac, lines)) return { status: 401, text: problem("mac_invalid") };
    if (method === "GET" && action === "wait") return this.waits.shift() ?? { status: 504, text: "still Expected" };
    return this.once(method, path, id, body, roster ? "roster" : `${action} ${vm}`);
  }

  /** An id counts once, but the newest request may be repeated: its answer may have been lost. */
  private once(method: string, path: string, id: string, body: string, what: string): WaitAnswer {
    const request = `${method} ${path} ${id} ${body}`;
    if (request === this.newest) return { status: 200, text: "{}" };
    if (this.used.has(id)) return { status: 409, text: problem("id_used") };
    this.used.add(id);
    this.newest = request;
    const names = what === "roster" ? (JSON.parse(body) as { name: string }[]).map((entry) => entry.name) : [];
    if (this.log !== undefined)
      appendFileSync(this.log, `${[what, ...(what === "roster" ? [names.join(",")] : [])].join(" ")}\n`);
    return { status: 200, text: "{}" };
  }
}

function problem(code: string): string {
  return JSON.stringify({ type: "about:blank", title: code, detail: `refused: ${code}` });
}
