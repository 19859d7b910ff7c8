// Reading: real HTTP on loopback, by fetch.
import Ajv2020 from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { openapi, schemas } from "@nexus-pull/contract";
import { A, B, event, say } from "../test-support";
import { isPrivate } from "./access";
import { closeAll, codeOf, Served } from "./test-server";

afterEach(closeAll);

describe("reading", () => {
  async function fleet(): Promise<Served> {
    const served = await Served.open();
    for (const vm of ["vm-1", "vm-2", "vm-3"])
      await say(
        served.engine,
        event("vm.booted", { vm, data: { addresses: [`192.0.2.${vm.slice(3)}`, "192.0.2.99"] } }),
      );
    await say(served.engine, event("run.failed", { vm: "vm-3", seq: 2 }));
    return served;
  }
  const names = async (response: Response): Promise<{ vms: string[]; next?: string }> => {
    const { vms, next } = (await response.json()) as { vms: { vm: string }[]; next?: string };
    return { vms: vms.map(({ vm }) => vm), next };
  };

  test("GET /status: summary, filter, pages, ETag", async () => {
    const served = await fleet();
    const all = await served.get("/status");
    expect(await all.json()).toMatchObject({ summary: { total: 3, phases: { Booted: 2, Failed: 1 } } });
    const first = await names(await served.get("/status?limit=2"));
    expect(first.vms).toEqual(["vm-1", "vm-2"]);
    expect(await names(await served.get(`/status?limit=2&cursor=${first.next}`))).toEqual({
      vms: ["vm-3"],
      next: undefined,
    });
    expect((await names(await served.get("/status?phase=Failed,Stale"))).vms).toEqual(["vm-3"]);
    expect((await names(await served.get("/status?fleet=prod"))).vms).toEqual([]);
    expect((await names(await served.get("/status?reason=task_failed"))).vms).toEqual(["vm-3"]);
    expect((await names(await served.get("/status?q=DEV/+192.0.2.2"))).vms).toEqual(["vm-2"]);
    const etag = all.headers.get("etag") ?? "";
    expect((await served.get("/status", { "if-none-match": etag })).status).toBe(304);
    await say(served.engine, event("vm.heartbeat", { vm: "vm-1", seq: 2 }));
    expect((await served.get("/status", { "if-none-match": etag })).status).toBe(200);
  });

  test("GET /status/{vm}: by name, instance id or address", async () => {
    const served = await fleet();
    const detail = (await (await served.get("/status/192.0.2.3")).json()) as Record<string, unknown[]>;
    expect(detail).toMatchObject({ vm: "vm-3", phase: "Failed", reason: "task_failed" });
    expect(detail["timeline"]).toHaveLength(2);
    expect(detail["conditions"]).toHaveLength(5);
    expect(detail["runs"]).toMatchObject([{ run_id: "run-1", outcome: "failed" }]);
    expect(await codeOf(await served.get("/status/192.0.2.99"))).toBe("vm_ambiguous");
    expect(await codeOf(await served.get("/status/iid-1"))).toBe("vm_ambiguous");
  });

  test("fails when an address that a retired VM had does not find the VM that has it now", async () => {
    const served = await Served.open();
    const addresses = ["192.0.2.50", "2001:db8::10"];
    for (const [vm, stream] of [
      ["old", A],
      ["new", B],
    ] as const)
      await say(served.engine, event("vm.booted", { vm, stream, data: { addresses } }));
    expect(await codeOf(await served.get("/status/192.0.2.50"))).toBe("vm_ambiguous");
    const about = { action: "retire", fleet: "dev", vm: "old", id: "retire-01" } as const;
    await served.operate("POST", "/fleets/dev/vms/old/retire", about);
    for (const address of ["192.0.2.50", "2001:DB8:0:0::10"])
      expect(await (await served.get(`/status/${address}`)).json()).toMatchObject({ vm: "new" });
    await served.operate("POST", "/fleets/dev/vms/new/retire", { ...about, vm: "new", id: "retire-02" });
    expect(await codeOf(await served.get("/status/192.0.2.50"))).toBe("vm_ambiguous");
  });

  test("GET /events: pages, oldest first", async () => {
    const served = await fleet();
    const page = async (query: string) =>
      (await (await served.get(`/events?${query}`)).json()) as { events: { position: number }[]; next?: string };
    const first = await page("limit=3");
    expect(first.events.map(({ position }) => position)).toEqual([1, 2, 3]);
    expect((await page(`limit=3&cursor=${first.next}`)).events.map(({ position }) => position)).toEqual([4]);
    expect((await page("vm=vm-3")).events).toHaveLength(2);
  });

  test("fails when a change shows a reason with the time of another", async () => {
    const served = await Served.open();
    const failed = (seq: number, reason: string): ReturnType<typeof event> =>
      event("bootstrap.failed", { seq, data: { reason, message: `of ${reason}` } });
    const changes = async (): Promise<unknown> => (await served.get("/changes?since_s=60")).json();
    const change = { fleet: "dev", vm: "nexus-01", kind: "phase", phase: "Failed" };
    await say(served.engine, event("vm.booted"), failed(2, "package_failed"));
    const first = new Date(served.clock.read()).toISOString();
    expect(await changes()).toEqual({
      total: 1,
      changes: [{ at: first, ...change, reason: "package_failed", message: "of package_failed" }],
    });
    // Two hours on, and still Failed: another reason is news, and of now; the same once more is not.
    served.clock.pass(7200);
    await say(served.engine, failed(3, "dns_failure"));
    const second = new Date(served.clock.read()).toISOString();
    const news = { at: second, ...change, reason: "dns_failure", message: "of dns_failure" };
    expect(await changes()).toEqual({ total: 1, changes: [news] });
    expect(served.engine.fleets.get("dev", "nexus-01")?.since).toBe(Date.parse(first));
    served.clock.pass(30);
    await say(served.engine, failed(4, "dns_failure"));
    expect(await changes()).toEqual({ total: 1, changes: [news] });
    // Back in the phase after it was left, the time is that of the return.
    await say(served.engine, event("bootstrap.started", { seq: 5 }));
    served.clock.pass(20);
    await say(served.engine, failed(6, "dns_failure"));
    expect(await changes()).toEqual({
      total: 1,
      changes: [{ ...news, at: new Date(served.clock.read()).toISOString() }],
    });
  });

  test("HEAD is answered as GET is, without a body; a stream has no end to tell of", async () => {
    const served = await fleet();
    const head = (path: string): Promise<Response> => fetch(served.base + path, { method: "HEAD" });
    for (const path of [
      "/",
      "/status",
      "/status/vm-1",
      "/status/nobody",
      "/events",
      "/changes",
      "/healthz",
      "/readyz",
    ]) {
      const [asked, answered] = await Promise.all([served.get(path), head(path)]);
      const told = ({ status, headers }: Response): unknown[] => [
        status,
        ...["content-type", "etag", "cache-control", "content-security-policy"].map((name) => headers.get(name)),
      ];
      expect([path, told(answered), await answered.text()]).toEqual([path, told(asked), ""]);
      expect(Number(answered.headers.get("content-length"))).toBe((await asked.arrayBuffer()).byteLength);
    }
    for (const path of ["/status/stream", "/events/stream"]) {
      const refused = await head(path);
      expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET"]);
    }
    const closed = await Served.open({ readers: "nobody" });
    expect((await fetch(`${closed.base}/status`, { method: "HEAD" })).status).toBe(401);
  });

  test("answers are what openapi.json says", async () => {
    const ajv = new Ajv2020({ strict: false });
    addFormats(ajv);
    for (const schema of Object.values(schemas)) ajv.addSchema(schema);
    ajv.addSchema({ $id: "openapi.json", ...openapi });
    const served = await fleet();
    await served.roster("roster-01");
    await served.post("a note", {});
    await say(served.engine, event("vm.booted"), event("run.succeeded", { seq: 2 }), event("run.skipped", { seq: 3 }));
    await say(served.engine, event("vm.booted", { stream: B }));
    await say(served.engine, event("vm.heartbeat", { stream: A, seq: 4 }));
    const answers = [
      ["/status", "Status"],
      ["/status/nexus-01", "VmDetail"],
      ["/status/vm-3", "VmDetail"],
      ["/events", "EventPage"],
      ["/changes", "Changes"],
      ["/status/nobody", "Problem"],
      ["/healthz", "Health"],
      ["/readyz", "Health"],
    ] as const;
    for (const [path, name] of answers) {
      const validate = ajv.compile({ $ref: `openapi.json#/components/schemas/${name}` });
      const answer: unknown = await (await served.get(path)).json();
      expect({ path, valid: validate(answer), errors: validate.errors }).toEqual({ path, valid: true, errors: null });
    }
  });

  test("is for private addresses and for who has the token", async () => {
    const served = await Served.open({ readers: "nobody", token: "t0ken" });
    const asking = ["/status", "/status/x", "/status/stream", "/changes", "/events", "/events/stream", "/metrics"];
    for (const path of [...asking, "/fleets/dev/vms/x/wait"])
      expect(await codeOf(await served.get(path))).toBe("read_unauthorized");
    expect((await served.get("/status", { authorization: "Bearer t0ken" })).status).toBe(200);
    expect((await served.get("/status", { authorization: "Bearer t0ke" })).status).toBe(401);
    expect((await served.get("/healthz")).status).toBe(200);
    const addresses = ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"];
    expect(addresses.filter((address) => !isPrivate(address))).toEqual([]);
    expect(["192.0.2.1", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"].filter(isPrivate)).toEqual([]);
  });

  test("believes an X-Forwarded-For of a proxy that is named, and of nobody else", async () => {
    const headers = { "x-forwarded-for": "192.0.2.1" };
    // Whoever comes by a proxy that is not named may be anybody.
    expect((await (await Served.open()).get("/status", headers)).status).toBe(401);
    const behind = await Served.open({ trustedProxies: ["127.0.0.1"] });
    expect((await behind.get("/status", headers)).status).toBe(401);
    // What a client itself wrote into it stands before what the proxy added, and counts for nothing.
    expect((await behind.get("/status", { "x-forwarded-for": "127.0.0.1, 10.0.0.1, 192.0.2.1" })).status).toBe(401);
    expect((await behind.get("/status", { "x-forwarded-for": "192.0.2.1, 10.0.0.1" })).status).toBe(200);
  });

  test("metrics, document and its schemas", async () => {
    const served = await fleet();
    const metrics = await (await served.get("/metrics")).text();
    expect(metrics).toMatch(/^nexus_pull_waits 0$/m);
    expect(metrics).not.toMatch(/vm-1/);
    expect(await (await served.get("/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
    expect((await served.get("/event.schema.json")).status).toBe(200);
  });
});

/** Reads frames of a stream until it has `count`, then hangs up. */
async function frames(response: Response, count: number, abort: AbortController): Promise<string[]> {
  const ids: string[] = [];
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(piece, { stream: true });
    ids.splice(0, ids.length, ...[...text.matchAll(/^id: (\d+)\ndata: \{.*\}\n\n/gm)].map(([, id]) => String(id)));
    if (ids.length >= count) break;
  }
  abort.abort();
  return ids;
}

describe("GET /events/stream", () => {
  const connect = async (served: Served, lastEventId?: string) => {
    const abort = new AbortController();
    const headers = lastEventId === undefined ? undefined : { "last-event-id": lastEventId };
    const response = await fetch(`${served.base}/events/stream`, { headers, signal: abort.signal });
    return { response, abort, frames: (count: number) => frames(response, count, abort) };
  };
  const speak = (served: Served, from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from + 1 }, (_, i) => say(served.engine, event("vm.booted", { vm: `vm-${from + i}` }))),
    );
  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

  test("has no gap and no repetition over reconnects, whatever happens meanwhile", async () => {
    const served = await Served.open();
    await speak(served, 1, 30);
    const first = await connect(served, "0");
    const got = await first.frames(10);
    await speak(served, 31, 60);
    const second = await connect(served, got.at(-1));
    const speaking = speak(served, 61, 1500);
    const rest = await second.frames(1500 - got.length);
    await speaking;
    expect([...got, ...rest]).toEqual(numbers(1, 1500));
  });

  test("begins now without an id, and counts who is there", async () => {
    const served = await Served.open({ maxStreams: 1 });
    await speak(served, 1, 5);
    const live = await connect(served);
    expect(await codeOf(await served.get("/events/stream"))).toBe("streams_exhausted");
    await speak(served, 6, 6);
    expect(await live.frames(1)).toEqual(["6"]);
  });

  test("ends when the receiver does", async () => {
    const served = await Served.open();
    const live = await connect(served);
    served.stopping.abort();
    expect(await live.frames(1)).toEqual([]);
  });
});
