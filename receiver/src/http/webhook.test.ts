// What POST /webhook does on the connection itself, as bytes on a socket; what it answers to whom is in app.test.ts.
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { limits } from "@nexus-pull/contract";
import { A, event, signedHeaders } from "../test-support";
import { closeAll, codeOf, SECONDS, Served } from "./test-server";

afterEach(closeAll);

function open(served: Served): Socket {
  return connect(Number(new URL(served.base).port), "127.0.0.1");
}

/** All that comes until the receiver ends the connection. */
function answersOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let answers = "";
    socket.setEncoding("latin1").on("data", (part: string) => (answers += part));
    socket.once("error", reject);
    socket.once("close", () => resolve(answers));
  });
}

function requestOf(one: ReturnType<typeof event>, more: readonly string[] = []): string {
  const body = JSON.stringify(one);
  const headers = Object.entries(signedHeaders(body, one.id, SECONDS)).map(([name, value]) => `${name}: ${value}`);
  const head = ["POST /webhook HTTP/1.1", "host: receiver", `content-length: ${Buffer.byteLength(body)}`];
  return `${[...head, ...headers, ...more].join("\r\n")}\r\n\r\n${body}`;
}

test("answers what comes at once on one connection in its order", async () => {
  const served = await Served.open();
  const socket = open(served);
  const two = requestOf(event("vm.heartbeat", { seq: 2 }), ["connection: close"]);
  socket.write(requestOf(event("vm.booted")) + two);
  const answers = [...(await answersOf(socket)).matchAll(/\r\n\r\n(\{"accepted".*?\}\})(?=HTTP|$)/g)].map(
    ([, body]) => body,
  );
  const machine = { standing: "current", converged: false };
  const taken = JSON.stringify({ accepted: 1, duplicates: 0, machine });
  expect(answers).toEqual([taken, taken]);
  const log = await served.store.events({ after: 0, limit: 10 });
  expect(log.map(({ id }) => id)).toEqual([`${A}-1`, `${A}-2`]);
});

test("takes a body that comes in pieces, and an address with a query", async () => {
  const served = await Served.open();
  const socket = open(served);
  const answers = answersOf(socket);
  const request = requestOf(event("vm.booted"), ["connection: close"]).replace("/webhook", "/webhook?from=nexus-01");
  const half = request.length - 100;
  const isRead = new Promise((resolve) => served.app.server.once("request", resolve));
  socket.setNoDelay().write(request.slice(0, half));
  await isRead;
  socket.write(request.slice(half));
  expect(await answers).toMatch(
    /^HTTP\/1\.1 200 [^]*x-content-type-options: nosniff[^]*\{"accepted":1,"duplicates":0,"machine":\{[^{}]*\}\}$/,
  );
});

test("fails when more than the limit is read of a body whose length is not told", async () => {
  const served = await Served.open();
  const socket = open(served);
  const answers = answersOf(socket);
  socket.write("POST /webhook HTTP/1.1\r\nhost: receiver\r\ntransfer-encoding: chunked\r\n\r\n");
  // One byte too many, and no end: whoever waits for it never answers.
  socket.write(`${limits.body_bytes.toString(16)}\r\n${" ".repeat(limits.body_bytes)}\r\n1\r\n \r\n`);
  expect(await answers).toMatch(/^HTTP\/1\.1 413 [^]*connection: close[^]*"code":"body_too_large"/i);
  expect(await served.store.lastPosition()).toBe(0);
});

test("fails when a body that says it is too long is waited for", async () => {
  const served = await Served.open();
  const socket = open(served);
  const answers = answersOf(socket);
  socket.write(`POST /webhook HTTP/1.1\r\nhost: receiver\r\ncontent-length: ${limits.body_bytes + 1}\r\n\r\n`);
  expect(await answers).toMatch(/^HTTP\/1\.1 413 [^]*connection: close[^]*"code":"body_too_large"/i);
});

test("fails when an event that was sent twice is not counted as such", async () => {
  const served = await Served.open();
  const counted = async (): Promise<string | undefined> =>
    /^nexus_pull_duplicate_events_total (\d+)$/m.exec(await (await served.get("/metrics")).text())?.[1];
  await served.send(event("vm.booted"));
  expect(await counted()).toBe("0");
  await served.send(event("vm.booted"));
  expect(await counted()).toBe("1");
});

const HALF = "POST /webhook HTTP/1.1\r\nhost: receiver\r\ncontent-length: 100\r\n\r\n{";

/** The next line of the log. */
const lineOf = (served: Served): Promise<string> =>
  new Promise<string>((resolve) => {
    const push = served.lines.push.bind(served.lines);
    served.lines.push = (...lines) => (resolve(lines.join()), push(...lines));
  });

test("a client that ends in the middle of its body is noted, and nobody else notices", async () => {
  const served = await Served.open();
  const socket = open(served);
  socket.write(HALF);
  await new Promise((resolve) => served.app.server.once("request", resolve));
  const noted = lineOf(served);
  socket.destroy();
  expect(await noted).toMatch(/refused body_malformed from 127\.0\.0\.1: aborted$/);
  expect((await served.send(event("vm.booted"))).status).toBe(200);
});

test("fails when a client is waited for that ends before anybody listens to its body", async () => {
  const served = await Served.open();
  const noted = lineOf(served);
  served.app.server.once("request", (request: IncomingMessage) => request.destroy());
  open(served)
    .on("error", () => undefined)
    .write(HALF);
  expect(await noted).toMatch(/refused body_malformed from 127\.0\.0\.1: aborted$/);
});

test("fails when posting is not counted with the rest of what a source asks", async () => {
  const served = await Served.open({ rate: 3 });
  const seen = [await served.get("/status"), await served.post("{}", {}), await served.get("/status")];
  expect(seen.map(({ status }) => status)).toEqual([200, 202, 200]);
  const refused = await served.send(event("vm.booted"));
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(await codeOf(refused)).toBe("rate_limited");
  expect((await served.get("/status")).status).toBe(429);
});

test("fails when whoever posts behind a proxy is noted as the proxy, or says himself who he is", async () => {
  const remotes = async (trustedProxies: readonly string[]): Promise<unknown> => {
    const served = await Served.open({ trustedProxies, readers: "everybody" });
    await served.post("{}", { "x-forwarded-for": "10.9.9.9, 192.0.2.1" });
    const { notes } = (await (await served.get("/status")).json()) as { notes: { remote: string }[] };
    return notes.map(({ remote }) => remote);
  };
  expect(await remotes(["127.0.0.1"])).toEqual(["192.0.2.1"]);
  expect(await remotes([])).toEqual(["127.0.0.1"]);
});

test("nothing is taken when the receiver is about to end", async () => {
  const served = await Served.open();
  served.stopping.abort();
  const refused = await served.send(event("vm.booted"));
  expect([refused.status, refused.headers.get("connection"), await codeOf(refused)]).toEqual([
    503,
    "close",
    "shutting_down",
  ]);
});
