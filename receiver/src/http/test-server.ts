// A receiver's HTTP side on loopback, with a clock of the test's.
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { type OperatorRequest, requestMac } from "@nexus-pull/contract";
import type { Engine } from "../engine/engine";
import { Ring } from "../intake/notes";
import { remarkLine } from "../ops/log-file";
import { Metrics } from "../ops/metrics";
import { readPage } from "../ops/page";
import { MemoryStore } from "../store/memory";
import { type event, FakeClock, openEngine, SECRET, signedHeaders, T0 } from "../test-support";
import { buildApp } from "./app";
import type { AppDeps } from "./deps";

export const NEXT_SECRET = "the-next-operator-secret-9876543210";
export const ROSTER = JSON.stringify([{ name: "nexus-01", instance_id: "iid-1", deadline_s: 1800, ref: "main" }]);
export const SECONDS = T0 / 1000;

export class Served {
  public readonly clock = new FakeClock();
  public readonly store = new MemoryStore();
  public readonly stopping = new AbortController();
  public readonly lines: string[] = [];
  public readonly reported: unknown[] = [];
  public engine!: Engine;
  public app!: FastifyInstance;
  public base = "";

  public static async open(more: Partial<AppDeps> = {}): Promise<Served> {
    const served = new Served();
    served.engine = await openEngine(served.store, served.clock);
    served.app = await buildApp({
      engine: served.engine,
      store: served.store,
      metrics: new Metrics(),
      secrets: [NEXT_SECRET, SECRET],
      now: served.clock.read,
      notes: new Ring(),
      refused: new Ring(),
      log: (remark) => served.lines.push(remarkLine(remark)),
      report: (error) => served.reported.push(error),
      readers: "private",
      hosts: [],
      takeNotes: true,
      trustedProxies: [],
      maxWaits: 10,
      maxStreams: 3,
      rate: 0,
      maxStreamsOfOne: 3,
      page: readPage(),
      stopping: served.stopping.signal,
      ...more,
    });
    await served.app.listen({ host: "127.0.0.1", port: 0 });
    served.base = `http://127.0.0.1:${(served.app.server.address() as AddressInfo).port}`;
    open.push(served);
    return served;
  }

  public async close(): Promise<void> {
    this.stopping.abort();
    this.app.server.closeAllConnections();
    await this.app.close();
    await this.engine.close();
  }

  public post(body: string | Buffer, headers: Record<string, string>): Promise<Response> {
    return fetch(`${this.base}/webhook`, {
      method: "POST",
      body: typeof body === "string" ? body : new Uint8Array(body),
      headers,
    });
  }
  public send(one: ReturnType<typeof event>, headers: Record<string, string> = {}): Promise<Response> {
    const body = JSON.stringify(one);
    return this.post(body, { ...signedHeaders(body, one.id, SECONDS), ...headers });
  }
  public get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.base + path, { headers });
  }
  public operate(method: string, path: string, request: OperatorRequest, body?: string, secret = SECRET) {
    const headers = { "nexus-pull-id": request.id, "nexus-pull-mac": requestMac(secret, request) };
    return fetch(this.base + path, { method, headers, ...(body === undefined ? {} : { body }) });
  }
  public roster(id: string, body = ROSTER, secret = SECRET): Promise<Response> {
    return this.operate("PUT", "/fleets/dev/roster", { action: "roster", fleet: "dev", id, body }, body, secret);
  }
}

const open: Served[] = [];

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((served) => served.close()));
}

interface Problem {
  readonly code: string;
  readonly index?: number;
}
export const codeOf = async (response: Response): Promise<string> =>
  response.ok ? String(response.status) : ((await response.json()) as Problem).code;
