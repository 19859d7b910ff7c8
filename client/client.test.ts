// What the client makes of answers, over real connections on loopback. The receiver's own tests use it against the real thing.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { verifyRequestMac } from "@nexus-pull/contract";
import signatures from "@nexus-pull/contract/vectors/signatures.json";
import { baseOf, eventsOf, follow, listeningBase, operate, read, signatureOf, vmPath, waitFor, type WaitEnd } from ".";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address where nobody listens any more. */
async function nobody(): Promise<string> {
  const base = await serve(() => undefined);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  return base;
}

type Answer = readonly [status: number, body: string];

/** Gives one answer after the other, the last again and again. */
function inTurn(seen: IncomingMessage[], ...answers: readonly Answer[]): RequestListener {
  return (request, response: ServerResponse) => {
    const [status, body] = answers[Math.min(seen.length, answers.length - 1)] ?? [500, ""];
    seen.push(request);
    response.writeHead(status).end(body);
  };
}

test("an address is the base, whichever way it was written down", () => {
  for (const given of ["https://r.lan/webhook", "https://r.lan/", "https://r.lan", "https://r.lan/webhook/"])
    expect(baseOf(given)).toBe("https://r.lan");
  expect(baseOf("https://lan/nexus/webhook")).toBe("https://lan/nexus");
  expect(listeningBase("::", 9191)).toBe("http://localhost:9191");
  expect(listeningBase("::1", 9191)).toBe("http://[::1]:9191");
  expect(vmPath("dev", "nexus-01", "wait")).toBe("/fleets/dev/vms/nexus-01/wait");
});

test("signs as the contract's vectors have it", () => {
  const plain = (signatures.vectors as readonly Vector[]).filter(
    ({ valid, body, headers }) => valid && body !== undefined && headers["webhook-signature"]?.includes(" ") === false,
  );
  expect(plain.length).toBeGreaterThan(0);
  for (const { keys, body = "", headers } of plain) {
    const signed = { id: headers["webhook-id"] ?? "", seconds: Number(headers["webhook-timestamp"]), body };
    expect(keys.map((key) => signatureOf(key, signed))).toContain(headers["webhook-signature"]);
  }
});

interface Vector {
  readonly keys: readonly string[];
  readonly valid: boolean;
  readonly body?: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

describe("one request", () => {
  const request = { action: "retire", fleet: "dev", vm: "nexus-01", id: "retire-000000000001" } as const;

  test("carries a MAC of each secret, of eight at most", async () => {
    const seen: IncomingMessage[] = [];
    const base = await serve(inTurn(seen, [200, '{"retired":true}']));
    const secrets = Array.from({ length: 9 }, (_, i) => `secret-number-${i}`);
    expect(await operate({ base, secrets }, "/x", request)).toEqual({ retired: true });
    const mac = String(seen[0]?.headers["nexus-pull-mac"]);
    expect(mac.split(" ")).toHaveLength(8);
    expect(verifyRequestMac(["secret-number-7"], request, mac)).toBe(true);
  });

  test("fails with what the receiver says, with what is no receiver, with what does not answer", async () => {
    const problem = { code: "mac_invalid", title: "t", detail: "d", remedy: "r" };
    const base = await serve(inTurn([], [403, JSON.stringify(problem)], [404, "<html>"], [200, "<html>"]));
    await expect(operate({ base }, "/x", request)).rejects.toMatchObject({
      name: "RefusedError",
      status: 403,
      problem,
      message: `${base} refused it: mac_invalid: d; r`,
    });
    await expect(operate({ base }, "/x", request)).rejects.toMatchObject({ name: "NoReceiverError", status: 404 });
    await expect(operate({ base }, "/x", request)).rejects.toMatchObject({ name: "NoReceiverError", status: 200 });
    await expect(read({ base: await nobody() }, "/status")).rejects.toMatchObject({
      name: "UnreachableError",
      why: "ECONNREFUSED",
    });
  });

  test("asks with the token and the parameters that are there, and follows no redirect", async () => {
    const seen: IncomingMessage[] = [];
    const base = await serve((one, response) => {
      seen.push(one);
      if (one.url?.startsWith("/status") === true) response.end("{}");
      else response.writeHead(302, { location: "/status" }).end();
    });
    await read({ base, token: "t0ken" }, "/status", { fleet: "a b", limit: 2, vm: undefined });
    expect([seen[0]?.url, seen[0]?.headers.authorization]).toEqual(["/status?fleet=a+b&limit=2", "Bearer t0ken"]);
    await expect(read({ base, token: "t0ken" }, "/moved")).rejects.toMatchObject({ name: "UnreachableError" });
    expect(seen).toHaveLength(2);
  });
});

describe("a wait", () => {
  const vm = { fleet: "dev", vm: "nexus-01", timeoutS: 60, pauseMs: 1 };

  test("goes on over 504, trouble and nonsense of a proxy, and says each once", async () => {
    const seen: IncomingMessage[] = [];
    const answers: Answer[] = [
      [504, "Booted\n"],
      [504, "Booted\n"],
      [502, "<html>"],
      [200, "commit 1\n"],
    ];
    const base = await serve(inTurn(seen, ...answers));
    const notes: string[] = [];
    const end = await waitFor({ base, secrets: ["s".repeat(32)] }, { ...vm, note: (text) => notes.push(text) });
    expect(end).toEqual({ end: "configured", text: "commit 1" });
    expect(notes).toEqual(["Booted", `${base} answered 502, which no receiver does`]);
    expect(new Set(seen.map(({ headers }) => headers["nexus-pull-id"])).size).toBe(1);
  });

  test("ends when the VM failed, when it is refused, and when its time is over", async () => {
    const failed = await serve(inTurn([], [409, "Failed (task_failed)\n"]));
    expect(await waitFor({ base: failed }, vm)).toEqual({ end: "failed", text: "Failed (task_failed)" });
    const refuses = await serve(inTurn([], [401, '{"code":"read_unauthorized","title":"t","remedy":"r"}']));
    await expect(waitFor({ base: refuses }, vm)).rejects.toMatchObject({ name: "RefusedError", status: 401 });
    let now = 0;
    const seen: IncomingMessage[] = [];
    const slow = await serve(inTurn(seen, [504, "Expected\n"]));
    const clock = (): number => (now += 10_000);
    const end: WaitEnd = await waitFor({ base: slow }, { ...vm, now: clock, commit: "1".repeat(40) });
    expect(end).toEqual({ end: "timeout", text: "Expected" });
    expect(seen[0]?.url).toBe(`/fleets/dev/vms/nexus-01/wait?timeout_s=30&commit=${"1".repeat(40)}`);
  });

  test("survives a receiver that is not there yet, and is ended from outside", async () => {
    const base = await nobody();
    const outside = new AbortController();
    const notes: string[] = [];
    const note = (text: string): void => {
      notes.push(text);
      outside.abort();
    };
    await expect(waitFor({ base }, { ...vm, note, signal: outside.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(notes).toEqual([expect.stringContaining("ECONNREFUSED")]);
  });
});

describe("a stream", () => {
  test("is read over the borders of parts, in the middle of a character, with any end of line", async () => {
    const bytes = Buffer.from(
      ": here\n\nid: 1\ndata: ü\n\nid: 2\r\nevent: x\r\ndata: a\r\ndata: b\r\n\r\nid: 3\ndata: cut",
    );
    const parts = (async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    })();
    const seen = [];
    for await (const event of eventsOf(parts)) seen.push(event);
    expect(seen).toEqual([
      { id: "1", event: undefined, data: "ü" },
      { id: "2", event: "x", data: "a\nb" },
    ]);
  });

  test("goes on behind the last event on a new connection, over trouble, until it is ended", async () => {
    const from: unknown[] = [];
    const base = await serve((request, response) => {
      from.push(request.headers["last-event-id"]);
      if (from.length === 2) response.writeHead(503).end();
      else response.writeHead(200, { "content-type": "text/event-stream" }).end(`id: ${from.length}\ndata: x\n\n`);
    });
    const over = new AbortController();
    const ids = [];
    const notes: string[] = [];
    const options = { path: "/events/stream", signal: over.signal, pauseMs: 1, note: (why: string) => notes.push(why) };
    for await (const { id } of follow({ base }, options)) if (ids.push(id) === 3) over.abort();
    expect(ids).toEqual(["1", "3", "4"]);
    expect(from).toEqual([undefined, "1", "1", "3"]);
    expect(notes[0]).toBe("the connection ended");
  });

  test("fails when the receiver does not serve it", async () => {
    const base = await serve(inTurn([], [401, '{"code":"read_unauthorized","title":"t","remedy":"r"}']));
    const next = follow({ base }, { path: "/events/stream", signal: new AbortController().signal }).next();
    await expect(next).rejects.toMatchObject({ name: "RefusedError" });
  });
});
