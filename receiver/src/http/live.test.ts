// Live views of states, seats and the page's files: real HTTP on loopback, by fetch.
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { openapi, schemas } from "@nexus-pull/contract";
import { event, say } from "../test-support";
import { Seats } from "./seats";
import { closeAll, codeOf, Served } from "./test-server";

afterEach(closeAll);

interface Frame {
  readonly reset?: boolean;
  readonly more?: boolean;
  readonly summary: { readonly total: number };
  readonly vms: readonly { readonly vm: string; readonly phase: string }[];
  readonly notes?: readonly unknown[];
}

/** A live view that is read as it comes. */
class Live {
  public readonly frames: Frame[] = [];
  public lastId = "";
  private readonly abort = new AbortController();
  private reader!: ReadableStreamDefaultReader<Uint8Array>;
  private left = "";

  public static async open(served: Served, lastEventId?: string): Promise<Live> {
    const live = new Live();
    const headers = lastEventId === undefined ? undefined : { "last-event-id": lastEventId };
    const response = await fetch(`${served.base}/status/stream`, { headers, signal: live.abort.signal });
    expect(response.status).toBe(200);
    live.reader = (response.body as ReadableStream<Uint8Array>).getReader();
    return live;
  }

  /** Reads until it holds. */
  public async until(holds: () => boolean): Promise<this> {
    while (!holds()) {
      const { value, done } = await this.reader.read();
      if (done) throw new Error("the view ended");
      const blocks = (this.left + Buffer.from(value).toString()).split("\n\n");
      this.left = blocks.pop() ?? "";
      for (const block of blocks) this.take(block);
    }
    return this;
  }

  private take(block: string): void {
    const [, id] = /^id: (.*)$/m.exec(block) ?? [];
    const [, data] = /^data: (.*)$/m.exec(block) ?? [];
    if (data !== undefined) this.frames.push(JSON.parse(data) as Frame);
    this.lastId = id ?? this.lastId;
  }

  public get names(): string[] {
    return this.frames.flatMap(({ vms }) => vms.map(({ vm }) => vm));
  }
  public close(): void {
    this.abort.abort();
  }
}

const boot = (served: Served, from: number, to: number) =>
  Promise.all(
    Array.from({ length: to - from + 1 }, (_, i) => say(served.engine, event("vm.booted", { vm: `vm-${from + i}` }))),
  );

describe("GET /status/stream", () => {
  test("sends every VM, those in trouble first, then what changes", async () => {
    const served = await Served.open();
    await boot(served, 1, 3);
    await say(served.engine, event("run.failed", { vm: "vm-3", seq: 2 }));
    const live = await Live.open(served);
    await live.until(() => live.frames.length === 1);
    expect(live.frames[0]).toMatchObject({ reset: true, summary: { total: 3, phases: { Booted: 2, Failed: 1 } } });
    expect(live.names).toEqual(["vm-3", "vm-1", "vm-2"]);
    await say(served.engine, event("run.started", { vm: "vm-2", seq: 2 }));
    await live.until(() => live.frames.length === 2);
    expect(live.frames[1]).not.toHaveProperty("reset");
    expect(live.frames[1]?.vms).toMatchObject([{ vm: "vm-2", phase: "Configuring" }]);
    live.close();
  });

  test("sends who was away what differs, once, and everything to who comes from another process", async () => {
    const served = await Served.open();
    await boot(served, 1, 1200);
    const first = await Live.open(served);
    await first.until(() => first.lastId !== "");
    expect(first.frames.map(({ vms, more }) => [vms.length, more ?? false])).toEqual([
      [500, true],
      [500, true],
      [200, false],
    ]);
    expect(new Set(first.names).size).toBe(1200);
    first.close();
    await say(served.engine, event("run.started", { vm: "vm-7", seq: 2 }));
    await say(served.engine, event("run.failed", { vm: "vm-7", seq: 3 }));
    const second = await Live.open(served, first.lastId);
    await second.until(() => second.lastId !== "");
    expect(second.frames).toMatchObject([{ vms: [{ vm: "vm-7", phase: "Failed" }] }]);
    second.close();
    const other = await Live.open(served, "0123456789ab.1");
    await other.until(() => other.lastId !== "");
    expect([other.frames[0]?.reset, other.names.length]).toEqual([true, 1200]);
    other.close();
  });

  test("makes at most four frames a second, however much happens", async () => {
    const served = await Served.open();
    const live = await Live.open(served);
    await live.until(() => live.frames.length === 1);
    const begun = performance.now();
    await boot(served, 1, 400);
    for (let seq = 2; seq < 60; seq += 1) await say(served.engine, event("vm.heartbeat", { vm: "vm-1", seq }));
    await say(served.engine, event("run.failed", { vm: "vm-400", seq: 2 }));
    const isTold = () => live.frames.some(({ vms }) => vms.some(({ phase }) => phase === "Failed"));
    await live.until(isTold);
    expect(live.frames.length - 1).toBeLessThanOrEqual(Math.ceil((performance.now() - begun) / 250) + 1);
    live.close();
  });

  test("shows notes and refusals, and what time alone changed", async () => {
    const served = await Served.open();
    await boot(served, 1, 1);
    const live = await Live.open(served);
    await live.until(() => live.frames.length === 1);
    await served.post("hello", {});
    await live.until(() => (live.frames.at(-1)?.notes?.length ?? 0) > 0);
    served.clock.pass(86_400);
    await served.engine.tick();
    await live.until(() => live.frames.at(-1)?.vms[0]?.phase === "Overdue");
    live.close();
  });

  test("frames are what openapi.json says", async () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats(ajv);
    for (const schema of Object.values(schemas)) ajv.addSchema(schema);
    ajv.addSchema({ $id: "openapi.json", ...openapi });
    const validate = ajv.compile({ $ref: "openapi.json#/components/schemas/StatusFrame" });
    const served = await Served.open();
    await say(served.engine, event("vm.booted"), event("run.succeeded", { seq: 2 }));
    await served.post("hello", {});
    const live = await Live.open(served);
    await live.until(() => live.frames.length === 1);
    expect([validate(live.frames[0]), validate.errors]).toEqual([true, null]);
    live.close();
  });
});

test("live views share one listener for the receiver's end, and all end with it", async () => {
  const served = await Served.open({ maxStreams: 40, maxStreamsOfOne: 40 });
  const listen = jest.spyOn(served.stopping.signal, "addEventListener");
  const views = await Promise.all(Array.from({ length: 40 }, () => fetch(`${served.base}/status/stream`)));
  expect(listen).not.toHaveBeenCalled();
  served.stopping.abort();
  const ends = await Promise.all(views.map((view) => view.text()));
  expect(ends).toHaveLength(40);
});

describe("seats", () => {
  test("one address cannot take all of them, and gives back what it leaves", () => {
    const seats = new Seats(3, 2);
    const leave = [seats.take("a"), seats.take("a")];
    expect(() => seats.take("a")).toThrow(/limit/);
    leave.push(seats.take("b"));
    expect(() => seats.take("c")).toThrow();
    leave[0]?.();
    leave[0]?.();
    expect(seats.open).toBe(2);
    seats.take("a");
    expect(seats.open).toBe(3);
  });

  test("are of both kinds of live view, and free again when a client is gone", async () => {
    const served = await Served.open({ maxStreamsOfOne: 1 });
    const live = await Live.open(served);
    for (const path of ["/events/stream", "/status/stream"])
      expect(await codeOf(await served.get(path))).toBe("streams_exhausted");
    live.close();
    let again: Response;
    do again = await fetch(`${served.base}/status/stream`, { signal: served.stopping.signal });
    while (again.status === 503);
    expect(again.status).toBe(200);
  });
});

describe("GET /events/stream?vm=", () => {
  test("has that VM's events only", async () => {
    const served = await Served.open();
    await boot(served, 1, 5);
    const abort = new AbortController();
    const response = await fetch(`${served.base}/events/stream?fleet=dev&vm=vm-4`, {
      headers: { "last-event-id": "0" },
      signal: abort.signal,
    });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    while (!text.includes("data: ")) text += Buffer.from((await reader.read()).value ?? []).toString();
    expect([...text.matchAll(/"source":"([^"]+)"/g)].map(([, source]) => source)).toEqual(["/fleets/dev/vms/vm-4"]);
    abort.abort();
  });
});

describe("GET /changes", () => {
  test("tells runs that changed or failed something, and phases; not what is quiet or long ago", async () => {
    const served = await Served.open();
    await say(served.engine, event("run.succeeded", { vm: "old" }));
    served.clock.pass(7200);
    await say(served.engine, event("vm.booted"), event("run.failed", { seq: 2 }));
    served.clock.pass(60);
    await say(served.engine, event("bootstrap.failed", { vm: "new" }));
    served.clock.pass(60);
    await say(served.engine, event("run.succeeded", { seq: 3, data: { run_id: "run-2" } }));
    await say(served.engine, event("run.skipped", { seq: 4, data: { run_id: "run-3" } }));
    const { total, changes } = (await (await served.get("/changes")).json()) as { total: number; changes: unknown[] };
    expect(total).toBe(3);
    expect(changes).toMatchObject([
      { vm: "nexus-01", kind: "run", outcome: "changed-intentional", changed: 2 },
      { vm: "new", kind: "phase", phase: "Failed", reason: "package_failed" },
      { vm: "nexus-01", kind: "run", outcome: "failed", reason: "task_failed" },
    ]);
    expect(await (await served.get("/changes?limit=1&fleet=dev")).json()).toMatchObject({ total: 3 });
    expect(await (await served.get("/changes?fleet=prod")).json()).toEqual({ total: 0, changes: [] });
  });
});

describe("the page", () => {
  test("is files with a policy that allows nothing inline and nothing from elsewhere", async () => {
    const served = await Served.open({ readers: "nobody" });
    const page = await served.get("/");
    const html = await page.text();
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(html).not.toMatch(/<script(?![^>]*\ssrc="\/dashboard\/)|\sstyle=|\son[a-z]+=/);
    const linked = [...html.matchAll(/(?:src|href)="(\/dashboard\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(linked.length).toBeGreaterThan(4);
    for (const path of linked) {
      const file = await served.get(path);
      expect([path, file.status, file.headers.get("x-content-type-options")]).toEqual([path, 200, "nosniff"]);
      expect((await served.get(path, { "if-none-match": file.headers.get("etag") ?? "" })).status).toBe(304);
    }
  });

  test("has the contract's words for every code", async () => {
    const served = await Served.open({ readers: "nobody" });
    for (const [path, table] of [
      ["/reasons.json", "reasons"],
      ["/rejections.json", "rejections"],
    ] as const) {
      const answer = (await (await served.get(path)).json()) as Record<string, { remedy: string }[]>;
      expect(answer[table]?.every(({ remedy }) => remedy.length > 0)).toBe(true);
    }
  });
});
