// What somebody without a key may not do: read by another's browser, fill the disk, the memory or the seats.
import { request } from "node:http";
import { hostname } from "node:os";
import { budgeted, type Remark } from "../intake/notes";
import { sourceOf } from "./access";
import { RateLimit } from "./rate";
import { Served } from "./test-server";

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
