// What somebody without a key may not do: read by another's browser, fill the disk, the memory or the seats.
import { request } from "node:http";
import { connect } from "node:net";
import { hostname } from "node:os";
import { budgeted, type Remark } from "../intake/notes";
import { sourceOf } from "./access";
import { RateLimit } from "./rate";
import { closeAll, Served } from "./test-server";

afterEach(closeAll);

/** As fetch, which sets its own Host. */
function statusOf(base: string, path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    request(base + path, { method, headers }, (response) => resolve(response.resume().statusCode ?? 0))
      .on("error", reject)
      .end();
  });
}

const READ = ["/status", "/status/nexus-01", "/events", "/metrics", "/changes", "/status/stream", "/events/stream"];

test.each(READ)("fails when %s is read under a name that is not the receiver's", async (path) => {
  const served = await Served.open();
  expect(await statusOf(served.base, path, { host: "attacker.example", origin: "http://attacker.example" })).toBe(401);
});

test.each(["localhost:9191", "127.0.0.1", "[::1]:9191", "192.0.2.7:9191", hostname(), "nexus.lan", "NEXUS.LAN:9191"])(
  "is read under %s",
  async (host) => {
    const served = await Served.open({ hosts: ["nexus.lan"] });
    expect(await statusOf(served.base, "/status", { host })).toBe(200);
  },
);

/** The first line of an answer to a request of HTTP/1.0, where a Host may be missing. */
function oldAnswer(base: string, headers: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(new URL(base).port), "127.0.0.1");
    socket.once("error", reject).on("data", (part) => (answer += part.toString("latin1")));
    socket.once("close", () => resolve(answer.split("\r\n")[0] ?? ""));
    socket.write(["GET /status HTTP/1.0", ...headers, "", ""].join("\r\n"));
  });
}

test("fails when HTTP/1.0 without a Host, which no browser speaks, is refused, or with a strange one is not", async () => {
  const { base } = await Served.open();
  expect(await oldAnswer(base, [])).toContain(" 200 ");
  expect(await oldAnswer(base, ["Host: attacker.example"])).toContain(" 401 ");
  expect(await oldAnswer(base, ["X-Forwarded-For: 198.51.100.7"])).toContain(" 401 ");
});

test("a token reads under any name", async () => {
  const served = await Served.open({ token: "t0ken" });
  const headers = { host: "attacker.example", authorization: "Bearer t0ken" };
  expect(await statusOf(served.base, "/status", headers)).toBe(200);
});

test.each(["x-forwarded-for", "forwarded", "x-real-ip"])(
  "fails when a proxy that is not named is near by %s",
  async (name) => {
    const served = await Served.open();
    expect(await statusOf(served.base, "/status", { [name]: "198.51.100.7" })).toBe(401);
  },
);

test("fails when a proxy that is named may not stand on the reader's own host, or says nothing of who asks", async () => {
  const { base } = await Served.open({ trustedProxies: ["127.0.0.1"] });
  const status = (headers: Record<string, string>): Promise<number> => statusOf(base, "/status", headers);
  expect(await status({ "x-forwarded-for": "127.0.0.1" })).toBe(200);
  // What passes through beside what the proxy sets counts for nothing.
  expect(await status({ "x-forwarded-for": "127.0.0.1", forwarded: "for=198.51.100.7" })).toBe(200);
  for (const strange of ["198.51.100.7", "unknown", "127.0.0.1:80", "_hidden", "127.0.0.1, x"])
    expect([strange, await status({ "x-forwarded-for": strange })]).toEqual([strange, 401]);
  for (const name of ["forwarded", "x-real-ip"]) expect(await status({ [name]: "127.0.0.1" })).toBe(401);
  expect(await status({ "x-forwarded-for": "" })).toBe(401);
});

test("a roster without a well-formed id and MAC is refused before its body is sent", async () => {
  const served = await Served.open();
  const malformed: Record<string, string> = { "nexus-pull-id": "roster-0001", "nexus-pull-mac": "v1,x" };
  for (const headers of [{}, malformed])
    expect(await statusOf(served.base, "/fleets/dev/roster", { ...headers, "content-length": "8000000" }, "PUT")).toBe(
      401,
    );
});

test("of what nobody signed a minute's lines are bounded, and what was left out is said", () => {
  let now = 0;
  const lines: Remark[] = [];
  const log = budgeted(
    (remark) => lines.push(remark),
    () => now,
  );
  const refusal: Remark = {
    kind: "refused",
    at: "",
    remote: "192.0.2.1",
    code: "rate_limited",
    detail: "x".repeat(300),
  };
  for (let count = 0; count < 25_000; count += 1) log({ ...refusal, remote: `192.0.2.${count % 2}` });
  const bytes = lines.reduce((sum, line) => sum + JSON.stringify(line).length, 0);
  expect(bytes).toBeLessThan(100_000);
  now = 60_000;
  log(refusal);
  expect(lines.at(-2)).toMatchObject({
    text: `${25_000 - lines.length + 2} more lines of what nobody signed were left out`,
  });
});

test("the many addresses of an IPv6 network are one source", () => {
  expect(["2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:DB8:1:2:0:0:0:9"].map(sourceOf)).toEqual(
    Array(3).fill("2001:db8:1:2::/64"),
  );
  expect([sourceOf("192.0.2.1"), sourceOf("::ffff:192.0.2.1"), sourceOf("::1")]).toEqual([
    "192.0.2.1",
    "192.0.2.1",
    "0:0:0:0::/64",
  ]);
  const limit = new RateLimit(2, () => 0);
  limit.count("2001:db8::1");
  limit.count("2001:db8::2");
  expect(() => limit.count("2001:db8::3")).toThrow("rate_limited");
});

test("fails when one source's waits leave no place for an operator's", async () => {
  const served = await Served.open({ maxWaits: 8 });
  const wait = "/fleets/dev/vms/nobody/wait?timeout_s=2";
  const asked = Array.from({ length: 6 }, () => statusOf(served.base, wait, {}));
  expect((await Promise.all(asked)).sort()).toEqual([503, 503, 503, 503, 503, 504]);
});
