// Who may read what: every path of the contract, by the routes' own scope.
import { openapi } from "@nexus-pull/contract";
import { closeAll, codeOf, Served } from "./test-server";

afterEach(closeAll);

interface Operation {
  readonly security?: readonly Readonly<Record<string, unknown>>[];
}

const reads = Object.entries(openapi.paths as Readonly<Record<string, { readonly get?: Operation }>>).flatMap(
  ([path, { get }]) => (get === undefined ? [] : [{ path, asks: (get.security ?? []).some((one) => "bearer" in one) }]),
);
const filled = (path: string): string => path.replace(/\{[^}]+\}/g, "x1");

test("fails to read without permission wherever the contract wants one, and nowhere else", async () => {
  const served = await Served.open({ readers: "nobody", token: "the-reader" });
  expect(reads.filter(({ asks }) => asks).length).toBeGreaterThan(8);
  for (const { path, asks } of reads) {
    const answer = await served.get(filled(path));
    expect([path, answer.status === 401]).toEqual([path, asks]);
    if (asks) expect(await codeOf(answer)).toBe("read_unauthorized");
  }
});

test("says which methods a path has, by its routes", async () => {
  const served = await Served.open();
  const allowed = async (path: string, method: string): Promise<unknown> => {
    const answer = await fetch(served.base + path, { method });
    return answer.status === 405 ? answer.headers.get("allow") : answer.status;
  };
  expect(await allowed("/status", "POST")).toBe("GET, HEAD");
  expect(await allowed("/status/nexus-01", "PUT")).toBe("GET, HEAD");
  expect(await allowed("/status/stream", "HEAD")).toBe("GET");
  expect(await allowed("/events/stream?fleet=dev", "HEAD")).toBe("GET");
  expect(await allowed("/fleets/dev/vms/nexus-01/wait", "POST")).toBe("GET, HEAD");
  expect(await allowed("/fleets/dev/roster", "GET")).toBe("PUT");
  expect(await allowed("/forwarders/chat/resend", "GET")).toBe("POST");
  expect(await allowed("/webhook", "GET")).toBe("POST");
  expect(await allowed("/nowhere", "DELETE")).toBe(404);
});
