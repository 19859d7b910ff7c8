// Writing: real HTTP on loopback, by fetch.
import { deriveVmKey } from "@nexus-pull/contract";
import { readJson } from "@nexus-pull/contract/test-support";
import { StoreError } from "../store/port";
import { A, COMMIT, event, say, SECRET, signedHeaders } from "../test-support";
import { closeAll, codeOf, NEXT_SECRET, ROSTER, SECONDS, Served } from "./test-server";

afterEach(closeAll);

describe("POST /webhook", () => {
  test("takes an event once, and its repetition as a duplicate", async () => {
    const served = await Served.open();
    const first = await served.send(event("vm.booted"));
    expect([first.status, await first.json()]).toMatchObject([200, { accepted: 1, duplicates: 0 }]);
    expect(await (await served.send(event("vm.booted"))).json()).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(served.engine.fleets.get("dev", "nexus-01")?.phase).toBe("Booted");
  });

  test("takes a batch, and any of several secrets", async () => {
    const served = await Served.open();
    const body = JSON.stringify([event("vm.booted"), event("run.started", { seq: 2 })]);
    const key = deriveVmKey(NEXT_SECRET, "dev", "nexus-01");
    const headers = {
      ...signedHeaders(body, `${A}-1-2`, SECONDS, key),
      "content-type": "application/cloudevents-batch+json",
    };
    expect(await (await served.post(body, headers)).json()).toMatchObject({ accepted: 2, duplicates: 0 });
  });

  /** The same with the members of every object in the opposite order. */
  const respelled = <T>(value: T): T => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(respelled) as T;
    const members = Object.entries(value).reverse();
    return Object.fromEntries(members.map(([name, one]) => [name, respelled(one as unknown)])) as T;
  };

  test("fails when an event that comes again with its members in another order is a conflict, or one with other content none", async () => {
    const served = await Served.open();
    const said = event("run.failed", { data: { failed_tasks: [{ task: "a", role: "x" }, { task: "b" }] } });
    const other = event("run.failed", { data: { failed_tasks: [{ task: "b" }, { task: "a", role: "x" }] } });
    expect(JSON.stringify(respelled(said))).not.toBe(JSON.stringify(said));
    expect((await served.send(said)).status).toBe(200);
    expect(await (await served.send(respelled(said))).json()).toMatchObject({ accepted: 0, duplicates: 1 });
    expect(await codeOf(await served.send(other))).toBe("id_conflict");
    const text = JSON.stringify([respelled(said), event("vm.heartbeat", { seq: 2 })]);
    const batch = { "content-type": "application/cloudevents-batch+json" };
    const answer = await served.post(text, { ...signedHeaders(text, `${A}-1-2`, SECONDS), ...batch });
    expect(await answer.json()).toMatchObject({ accepted: 1, duplicates: 1 });
    const [stored, ...more] = await served.store.events({ after: 0, limit: 10 });
    expect([stored?.text, more.length]).toEqual([JSON.stringify(said), 1]);
  });

  const one = event("vm.booted");
  const body = JSON.stringify(one);
  const good = signedHeaders(body, one.id, SECONDS);
  const other = signedHeaders(body, one.id, SECONDS, deriveVmKey(SECRET, "dev", "nexus-02"));
  const broken = (text: string | Buffer, id = one.id): [string | Buffer, Record<string, string>] => [
    text,
    signedHeaders(text, id, SECONDS),
  ];
  const named = '"source":"/fleets/dev/vms/nexus-01"';
  test.each<[string, string | Buffer, Record<string, string>]>([
    ["signature_missing", body, { "webhook-id": one.id, "webhook-timestamp": String(SECONDS) }],
    ["signature_invalid", body, signedHeaders(body, one.id, SECONDS, "x".repeat(64))],
    ["signature_invalid", `${body} `, good],
    ["signature_invalid", body, { ...good, "webhook-signature": (good["webhook-signature"] ?? "").slice(0, -4) }],
    [
      "signature_invalid",
      body,
      { ...good, "webhook-signature": (good["webhook-signature"] ?? "").replace("v1,", "v2,") },
    ],
    ["webhook_id_malformed", body, { ...good, "webhook-id": "a.b" }],
    ["timestamp_malformed", body, { ...good, "webhook-timestamp": "1e9" }],
    ["timestamp_too_old", body, signedHeaders(body, one.id, SECONDS - 301)],
    ["timestamp_too_new", body, signedHeaders(body, one.id, SECONDS + 301)],
    ["media_type", body, { ...good, "content-type": "application/json" }],
    ["media_type", body, { ...good, "content-type": "application" }],
    ["media_type", body, { ...good, "content-type": ";;" }],
    ["body_malformed", ...broken(`{${named},${named}}`)],
    ["body_malformed", ...broken(`{${named}`)],
    [
      "body_malformed",
      ...broken(Buffer.concat([Buffer.from(`{${named},"x":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])),
    ],
    ["event_invalid", ...broken(`{${named}}`)],
    ["id_mismatch", ...broken(body, "another")],
    ["type_reserved", ...broken(JSON.stringify(event("vm.expected")))],
    ["signature_invalid", body, other],
    ["body_too_large", Buffer.alloc(1_048_577, 0x20), good],
  ])("%s", async (code, text, headers) => {
    const served = await Served.open();
    const response = await served.post(text, headers);
    const expected = (readJson("rejections.json") as { rejections: { code: string; status: number }[] }).rejections;
    const rule = expected.find((rejection) => rejection.code === code) as Record<string, unknown>;
    expect(response.headers.get("content-type")).toMatch("application/problem+json");
    expect(response.headers.get("retry-after")).toBe("retry_after_s" in rule ? String(rule["retry_after_s"]) : null);
    expect(await response.json()).toMatchObject({
      code,
      status: rule["status"],
      action: rule["action"],
      remedy: rule["remedy"],
    });
    expect(response.status).toBe(rule["status"]);
    expect(await served.store.lastPosition()).toBe(0);
  });

  test("another VM's key is told from a wrong one, where that VM is known", async () => {
    const served = await Served.open();
    await say(served.engine, event("vm.booted", { vm: "nexus-02" }));
    expect(await codeOf(await served.post(body, other))).toBe("key_of_another_vm");
    expect(served.engine.fleets.get("dev", "nexus-02")?.impostors).toBe(1);
    expect(served.engine.fleets.get("dev", "nexus-01")).toBeUndefined();
  });

  test("fails when a name in data gets its key a say", async () => {
    const served = await Served.open();
    const trick = event("vm.booted", { data: { x: { source: "/fleets/dev/vms/nexus-02" } } });
    const text = JSON.stringify(trick);
    const key = deriveVmKey(SECRET, "dev", "nexus-02");
    expect(await codeOf(await served.post(text, signedHeaders(text, trick.id, SECONDS, key)))).toBe(
      "key_of_another_vm",
    );
    expect(await codeOf(await served.send(trick))).toBe("200");
  });

  test("a body without a signature is a note, and changes nothing", async () => {
    const served = await Served.open();
    const response = await served.post('{"test":"data\u001b[2J"}', {});
    expect([response.status, await response.json()]).toEqual([202, { verified: false }]);
    expect(served.lines[0]).toMatch(/unverified note from 127\.0\.0\.1: \{"test":"data \[2J"\}$/);
    const status = (await (await served.get("/status")).json()) as { notes: { text: string }[]; summary: unknown };
    expect([status.notes[0]?.text, status.summary]).toEqual(['{"test":"data [2J"}', { total: 0, phases: {} }]);
    const strict = await Served.open({ takeNotes: false });
    expect(await codeOf(await strict.post("{}", {}))).toBe("signature_missing");
  });

  test("a store that fails acknowledges nothing, and is ready again when it works", async () => {
    const served = await Served.open();
    jest.spyOn(served.store, "commit").mockRejectedValueOnce(new StoreError("store_full", "full"));
    const refused = await served.send(event("vm.booted"));
    expect([refused.status, refused.headers.get("retry-after"), await codeOf(refused)]).toEqual([
      503,
      "30",
      "store_full",
    ]);
    expect((await served.get("/readyz")).status).toBe(503);
    expect((await served.send(event("vm.booted"))).status).toBe(200);
    expect((await served.get("/readyz")).status).toBe(200);
  });
});

describe("operators", () => {
  interface MacVector {
    readonly name: string;
    readonly action: string;
    readonly secret: string;
    readonly fleet: string;
    readonly vm?: string;
    readonly stream?: string;
    readonly forwarder?: string;
    readonly body?: string;
    readonly headers: Record<string, string>;
    readonly valid: boolean;
  }
  const vectors = (readJson("vectors/macs.json") as { vectors: MacVector[] }).vectors;
  test.each(vectors)("$name", async ({ action, secret, fleet, vm, stream, forwarder, body, headers, valid }) => {
    const forwarders = { status: () => [], deadLetters: async () => [], sendAgain: async () => 0 };
    const served = await Served.open({ secrets: [secret], forwarders });
    const paths: Record<string, string> = {
      roster: `/fleets/${fleet}/roster`,
      resend: `/forwarders/${forwarder}/resend`,
      trust: `/fleets/${fleet}/vms/${vm}/machines/${stream}/trust`,
    };
    const path = paths[action] ?? `/fleets/${fleet}/vms/${vm}/${action}`;
    const method = { roster: "PUT", wait: "GET" }[action] ?? "POST";
    const query = action === "wait" ? "?timeout_s=0" : "";
    const response = await fetch(served.base + path + query, {
      method,
      headers,
      ...(action === "roster" ? { body } : {}),
    });
    expect(response.status).toBe(valid ? (action === "wait" ? 504 : 200) : 401);
  });

  const putTyped = (served: Served, type: string): Promise<Response> =>
    fetch(`${served.base}/fleets/dev/roster`, { method: "PUT", body: ROSTER, headers: { "content-type": type } });

  test("a roster, its repetition, its release", async () => {
    const served = await Served.open();
    for (let i = 0; i < 2; i += 1)
      expect(await (await served.roster("roster-01")).json()).toEqual({ expected: 1, retired: 0 });
    const request = { action: "release", fleet: "dev", vm: "nexus-01", id: "release-1" } as const;
    const released = await served.operate("POST", "/fleets/dev/vms/nexus-01/release", request);
    expect(await released.json()).toEqual({ released: true });
  });

  test.each<[string, (served: Served) => Promise<Response>]>([
    ["mac_missing", (served) => fetch(`${served.base}/fleets/dev/roster`, { method: "PUT", body: ROSTER })],
    ["mac_invalid", (served) => served.roster("roster-01", ROSTER, "wrong")],
    ["request_id_malformed", (served) => served.roster("short")],
    ["roster_invalid", (served) => served.roster("roster-01", '[{"name":"x"}]')],
    ["roster_invalid", (served) => served.roster("roster-01", `[${ROSTER.slice(1, -1)},${ROSTER.slice(1, -1)}]`)],
    ["body_malformed", (served) => served.roster("roster-01", "[")],
    ["media_type", (served) => putTyped(served, "application")],
    ["media_type", (served) => putTyped(served, ";;")],
    ["name_malformed", (served) => fetch(`${served.base}/fleets/-x/roster`, { method: "PUT", body: ROSTER })],
    ["path_unknown", (served) => served.get("/fleets/dev")],
    ["path_unknown", (served) => served.get("/%zz")],
    ["path_unknown", (served) => served.get("/../../etc/passwd")],
    ["method_not_allowed", (served) => served.get("/webhook")],
    ["method_not_allowed", (served) => fetch(`${served.base}/status`, { method: "QUERY" })],
    ["method_not_allowed", (served) => fetch(`${served.base}/status`, { method: "DELETE", body: "x" })],
    ["method_not_allowed", (served) => served.get("/fleets/dev/vms/nexus-01/release")],
    ["parameter_invalid", (served) => served.get("/fleets/dev/vms/nexus-01/wait?timeout_s=3601")],
    ["parameter_invalid", (served) => served.get("/fleets/dev/vms/nexus-01/wait?commit=abc")],
    ["parameter_invalid", (served) => served.get("/status?phase=Green")],
    ["parameter_invalid", (served) => served.get("/status?limit=1&limit=2")],
    ["parameter_invalid", (served) => served.get("/status?reason=A")],
    ["parameter_invalid", (served) => served.get(`/status?q=${"x".repeat(201)}`)],
    ["parameter_invalid", (served) => served.get("/changes?since_s=0")],
    ["path_unknown", (served) => served.get("/dashboard/..%2findex.html")],
    ["path_unknown", (served) => served.get("/dashboard/tsconfig.json")],
    ["cursor_invalid", (served) => served.get("/status?cursor=x")],
    ["cursor_invalid", (served) => served.get("/events?cursor=7")],
    ["cursor_invalid", (served) => served.get("/events/stream", { "last-event-id": "x" })],
    ["vm_unknown", (served) => served.get("/status/nobody")],
  ])("%s", async (code, ask) => {
    expect(await codeOf(await ask(await Served.open()))).toBe(code);
  });
});

describe("wait", () => {
  const path = "/fleets/dev/vms/nexus-01/wait";
  test("an unknown VM is waited for, until it is Configured", async () => {
    const served = await Served.open();
    const waiting = served.get(`${path}?timeout_s=30&commit=${COMMIT}`);
    await served.roster("roster-01");
    await served.send(event("vm.booted"));
    await served.send(event("run.succeeded", { seq: 2 }));
    const response = await waiting;
    expect([response.status, await response.text()]).toEqual([200, `commit ${COMMIT}\n`]);
  });

  test("a failure ends it at once, in words", async () => {
    const served = await Served.open();
    await served.send(event("run.failed"));
    const response = await served.get(`${path}?timeout_s=30`);
    expect([response.status, await response.text()]).toEqual([409, "Failed (task_failed): a task failed\n"]);
    expect(response.headers.get("content-type")).toMatch("text/plain");
  });

  test("its end is 504 with the phase, the receiver's end 503", async () => {
    const served = await Served.open();
    expect((await served.get(`${path}?timeout_s=0`)).status).toBe(504);
    const waiting = served.get(`${path}?timeout_s=30`);
    await served.roster("roster-01");
    served.stopping.abort();
    expect(await codeOf(await waiting)).toBe("shutting_down");
  });

  test("there are only so many at once", async () => {
    const served = await Served.open({ maxWaits: 0 });
    expect(await codeOf(await served.get(path))).toBe("streams_exhausted");
  });
});

test("a source that asks too often is told when to come again; probes are answered, and the flood is one line", async () => {
  const served = await Served.open({ rate: 5 });
  const answers = await Promise.all(Array.from({ length: 9 }, () => served.get("/status")));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(4);
  expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await codeOf(refused[0] as Response)).toBe("rate_limited");
  expect((await served.get("/healthz")).status).toBe(200);
  expect(served.lines.filter((line) => line.includes("rate_limited"))).toHaveLength(1);
});
