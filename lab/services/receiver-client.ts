// VMs that speak: each on new connections, with its own key.
import { type ClientRequest, request } from "node:http";
import { signedHeaders, type SignedHeaders } from "@nexus-pull/client";
import { deriveVmKey } from "@nexus-pull/contract";
import { SECRET } from "./receiver-process";

/** Deterministic: the same seed, the same numbers. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function heartbeat(vm: string, stream: string, seq: number): { readonly id: string; readonly body: string } {
  const data = {
    fleet: "dev",
    vm,
    instance_id: `iid-${vm}`,
    stream,
    seq,
    boot_id: "5f0c6f0a-3a0e-4c0b-9d86-0d5a1c2b3e4f",
    uptime_s: seq,
    clock_synced: true,
    addresses: ["192.0.2.10"],
    agent_version: "0.1.0",
    spool: { events: 0, dropped: 0 },
  };
  const id = `${stream}-${seq}`;
  const event = {
    specversion: "1.0",
    id,
    source: `/fleets/dev/vms/${vm}`,
    type: "io.nexus-pull.vm.heartbeat",
    time: "2026-01-01T00:00:00Z",
    datacontenttype: "application/json",
    data,
  };
  return { id, body: JSON.stringify(event) };
}

export function signed(vm: string, id: string, body: string | Buffer, seconds?: number): SignedHeaders {
  return signedHeaders(deriveVmKey(SECRET, "dev", vm), { id, body, seconds });
}

/** Status of the answer; undefined when there was none. A new connection each, as VMs have. */
export function post(
  base: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request(`${base}/webhook`, { method: "POST", headers, agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
      response.once("error", () => resolve(undefined));
    });
    sent.once("error", () => resolve(undefined));
    sent.once("timeout", () => sent.destroy());
    sent.end(body);
  });
}

/** The stream of a test's VM of this number. */
export const streamOf = (vm: number): string => vm.toString(16).padStart(32, "0");

/** A VM says that it is there; the id, and the status as `post` has it. */
export async function beat(
  base: string,
  vm: string,
  stream: string,
  seq: number,
): Promise<{ readonly id: string; readonly status: number | undefined }> {
  const { id, body } = heartbeat(vm, stream, seq);
  return { id, status: await post(base, body, signed(vm, id, body)) };
}

/** The value of a metric without labels; NaN when there is none. */
export async function metric(base: string, name: string): Promise<number> {
  const metrics = await (await fetch(`${base}/metrics`)).text();
  return Number(new RegExp(`^${name} ([0-9.e+]+)$`, "m").exec(metrics)?.[1]);
}

interface Page {
  readonly events: readonly {
    readonly position: number;
    readonly event: { readonly id: string; readonly type: string };
  }[];
  readonly next?: string;
}

/** The whole log, page by page. */
export async function everyEvent(base: string): Promise<Page["events"]> {
  const all: Page["events"][number][] = [];
  for (let cursor: string | undefined = "0"; cursor !== undefined;) {
    const page = (await (await fetch(`${base}/events?limit=1000&cursor=${cursor}`)).json()) as Page;
    all.push(...page.events);
    cursor = page.next;
  }
  return all;
}

/** A live view as a browser has one: it comes back with the last id that it saw. */
export class LiveView {
  public readonly seen: number[] = [];
  private closed = false;
  private current?: ClientRequest;

  public constructor(private readonly base: string) {
    this.connect();
  }

  private connect(): void {
    if (this.closed) return;
    const again = once(() => setTimeout(() => this.connect(), 20));
    const headers = { accept: "text/event-stream", "last-event-id": String(this.seen.at(-1) ?? 0) };
    let text = "";
    const asked = request(`${this.base}/events/stream`, { headers, agent: false }, (response) => {
      response.setEncoding("utf8").on("data", (part: string) => {
        const frames = (text + part).split("\n\n");
        text = frames.pop() ?? "";
        if (response.statusCode === 200) for (const frame of frames) this.take(frame);
      });
      response.once("close", again);
    });
    this.current = asked.once("error", again).once("close", again);
    asked.end();
  }

  private take(frame: string): void {
    const id = /^id: (\d+)$/m.exec(frame)?.[1];
    if (id !== undefined) this.seen.push(Number(id));
  }

  public close(): void {
    this.closed = true;
    this.current?.destroy();
  }
}

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (!called) call();
    called = true;
  };
}
