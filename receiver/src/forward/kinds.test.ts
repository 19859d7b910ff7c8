// Each kind against a real HTTP server that writes down what it gets.
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { T0, folded, logOf } from "../test-support";
import { isPublic } from "./addresses";
import type { Item } from "./delivery";
import { HttpClient } from "./http";
import { alertmanagerTarget } from "./kinds/alertmanager";
import { slackTarget } from "./kinds/slack";
import { keyOf, webhookTarget } from "./kinds/webhook";
import { compileTemplate, escapeChat } from "./template";

interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
const got: Got[] = [];
let answer = { status: 204, headers: {} as Record<string, string>, body: "" };
let server: Server;
let base: string;
const clients: HttpClient[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      got.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  got.length = 0;
  answer = { status: 204, headers: {}, body: "" };
});
afterEach(async () => void (await Promise.all(clients.splice(0).map((client) => client.close()))));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function client(allowPrivate = true): HttpClient {
  const made = new HttpClient({ timeoutMs: 20_000, allowPrivate });
  clients.push(made);
  return made;
}
function itemOf(type: string, data: Readonly<Record<string, unknown>> = {}): Item {
  const records = logOf(["vm.expected"], ["vm.booted"], [type, { data }]);
  return { record: records[2] as Item["record"], state: folded(records) };
}
const never = new AbortController().signal;
const body = (): unknown => JSON.parse(got[0]?.body ?? "");

describe("webhook", () => {
  test("fails when a stock Standard Webhooks library does not take the event as it was received", async () => {
    const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
    const now = Date.now();
    const url = new URL(`${base}/hook?channel=1`);
    const item = itemOf("run.failed");
    await webhookTarget({ url, http: client(), now: () => now, key: keyOf(secret) }).deliver(item, never);
    const [first] = got;
    expect(new Webhook(secret).verify(first?.body ?? "", first?.headers as Record<string, string>)).toEqual(
      JSON.parse(item.record.text),
    );
    expect(first).toMatchObject({
      path: "/hook?channel=1",
      headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
    });
  });

  test("gives the same id to the same event, and another to another VM's", async () => {
    const target = webhookTarget({ url: new URL(base), http: client(), now: () => T0 });
    const item = itemOf("run.failed");
    for (const one of [item, item, { record: { ...item.record, vm: "nexus-02" } }]) await target.deliver(one, never);
    const ids = got.map(({ headers }) => headers["webhook-id"]);
    expect([ids[0] === ids[1], ids[0] === ids[2]]).toEqual([true, false]);
    expect(ids[0]).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test("sends what a template makes of it, with the event's text as JSON", async () => {
    const render = compileTemplate('{"text": {{json message}}, "vm": {{json vm}}, "what": "{{type}}"}');
    const target = webhookTarget({ url: new URL(base), http: client(), now: () => T0, render });
    await target.deliver(itemOf("run.failed", { message: 'quote " and\nline & <b>' }), never);
    expect(body()).toEqual({ text: 'quote " and\nline & <b>', vm: "nexus-01", what: "run.failed" });
    expect(got[0]?.headers["content-type"]).toBe("application/json; charset=utf-8");
  });
});

test("slack: names the VM, the reason and its remedy, and no text of an event is markup", async () => {
  await slackTarget(new URL(base), client()).deliver(
    itemOf("run.failed", { reason: "task_failed", message: "<!channel> & <http://evil|click>" }),
    never,
  );
  const { text } = body() as { text: string };
  expect(text).toContain("*dev/nexus-01* run.failed → Failed · task_failed · `111111111111`");
  expect(text).toContain("> &lt;!channel&gt; &amp; &lt;http://evil|click&gt;\n_");
  expect(text).not.toContain("<!channel>");
});

describe("alertmanager", () => {
  const target = () => alertmanagerTarget({ url: new URL(`${base}/am/`), http: client(), now: () => T0 + 60_000 });

  test("fires for the VM's bad phase and ends the others", async () => {
    await target().deliver(itemOf("run.failed", { reason: "task_failed" }), never);
    const alerts = body() as { labels: Record<string, string>; annotations: Record<string, string>; endsAt: string }[];
    expect(got[0]?.path).toBe("/am/api/v2/alerts");
    const fires = alerts.filter(({ endsAt }) => Date.parse(endsAt) > T0 + 60_000);
    expect(fires).toHaveLength(1);
    expect(fires[0]).toMatchObject({
      labels: { alertname: "NexusPullVmFailed", fleet: "dev", vm: "nexus-01", severity: "critical" },
      annotations: { summary: "dev/nexus-01 is Failed", reason: "task_failed" },
    });
    expect(alerts).toHaveLength(4);
  });

  test("ends all of them when the VM is Configured, and says again what fires", async () => {
    const one = target();
    await one.deliver(itemOf("run.succeeded"), never);
    const alerts = body() as { endsAt: string }[];
    expect(alerts.filter(({ endsAt }) => Date.parse(endsAt) > T0 + 60_000)).toEqual([]);
    got.length = 0;
    const states = ["run.failed", "run.succeeded"].flatMap((type) => itemOf(type).state ?? []);
    await one.refresh?.run(states, never);
    expect(body()).toMatchObject([{ labels: { alertname: "NexusPullVmFailed" } }]);
    got.length = 0;
    await one.refresh?.run(states.slice(1), never);
    expect(got).toEqual([]);
  });
});

describe("a request", () => {
  const send = (http: HttpClient, url = `${base}/secret-path`): Promise<string> =>
    http.call({ method: "POST", url: new URL(url), body: "{}", signal: never });

  test("is refused for good by 400, for now by 503 with its Retry-After, and the path is in no message", async () => {
    answer = { status: 400, headers: {}, body: "no\n such field" };
    await expect(send(client())).rejects.toMatchObject({
      permanent: true,
      message: `${base} answered 400: no such field`,
    });
    answer = { status: 503, headers: { "retry-after": "7" }, body: "" };
    await expect(send(client())).rejects.toMatchObject({ permanent: false, retryAfterMs: 7000 });
  });

  test("follows no redirect", async () => {
    answer = { status: 307, headers: { location: `${base}/elsewhere` }, body: "" };
    await expect(send(client())).rejects.toThrow("answered 307");
    expect(got).toHaveLength(1);
  });

  test("says that nobody listens, without the path", async () => {
    const failed = await send(client(), "http://127.0.0.1:1/secret-path").catch((error: Error) => error.message);
    expect(failed).toMatch(/^http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
    expect(failed).not.toContain("secret-path");
  });

  test.each(["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])(
    "to the private target %s is refused when those are forbidden",
    async (host) => {
      const port = new URL(base).port;
      await expect(send(client(false), `http://${host}:${port}/`)).rejects.toThrow(/not a public address/);
      expect(got).toEqual([]);
    },
  );
});

test.each([
  ["93.184.215.14", true],
  ["2606:2800:21f:cb07:6820:80da:af6b:8b2c", true],
  ...[
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "no address",
  ].map((one) => [one, false] as const),
] as const)("%s is public: %s", (address, expected) => expect(isPublic(address)).toBe(expected));

test("fails when a bare word calls everybody in a chat", () => {
  expect(escapeChat("@all @channel, @here! @everyone a@all.example @alloy")).toBe(
    "@\u200ball @\u200bchannel, @\u200bhere! @\u200beveryone a@\u200ball.example @alloy",
  );
});

test.each(["::7f00:1", "::1", "64:ff9b::7f00:1", "fd00::1", "100::1", "5f00::1"])("%s is not public", (address) => {
  expect(isPublic(address)).toBe(false);
});
