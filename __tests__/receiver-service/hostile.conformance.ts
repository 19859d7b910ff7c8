// 2,000 mutated requests beside honest clients: no 5xx, no crash, no honest event lost.
import { connect } from "node:net";
import { heartbeat, post, randomOf, signed } from "./client";
import { Place, ReceiverProcess } from "./process";

jest.setTimeout(300_000);

const REQUESTS = 2_000;
const HONEST = 200;
const STREAM = "f".repeat(32);

type Random = () => number;
const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

const VALUES = [
  null,
  true,
  -1,
  1e308,
  9007199254740993,
  "",
  "\u0000",
  "\ud800",
  "‮",
  "x".repeat(5000),
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: null, constructor: { prototype: { x: 1 } } },
  "/fleets/dev/vms/../../etc",
  "io.nexus-pull.toString",
] as const;
const RAW = [
  '"__proto__":{"toString":1},',
  '"id":"x",',
  "\u0000",
  "1e99999",
  "[".repeat(5000),
  "\\ud800",
  "NaN",
  "/*x*/",
];

/** Somewhere in the event another value, another key, or nothing. */
function mutateValue(random: Random, text: string): string {
  const event = JSON.parse(text) as Record<string, unknown>;
  const target = random() < 0.5 ? event : (event["data"] as Record<string, unknown>);
  const key = pick(random, [...Object.keys(target), "unknown", "__proto__", "constructor"]);
  if (random() < 0.2) delete target[key];
  else target[key] = pick(random, VALUES);
  return JSON.stringify(event);
}

function mutateBytes(random: Random, text: string): Buffer {
  const at = Math.floor(random() * text.length);
  const cut = [text.slice(0, at) + pick(random, RAW) + text.slice(at), text.slice(0, at), text + text][
    Math.floor(random() * 3)
  ];
  const bytes = Buffer.from(cut ?? "");
  if (bytes.length > 0 && random() < 0.5) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  return bytes;
}

const HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"];
const HEADER_VALUES = [
  "",
  " ",
  "a.b",
  "9".repeat(40),
  "-1",
  "v1,",
  "v1," + "A".repeat(44),
  "v1 ".repeat(300),
  "é",
  "application/json",
  "x".repeat(4000),
];

function mutateHeaders(random: Random, headers: Record<string, string>): Record<string, string> {
  const changed = { ...headers };
  const name = pick(random, HEADERS);
  if (random() < 0.3) delete changed[name];
  else changed[name] = pick(random, HEADER_VALUES);
  return changed;
}

function mutated(random: Random, index: number): [Buffer, Record<string, string>] {
  const { id, body } = heartbeat("nexus-01", STREAM, index + 1);
  const kind = random();
  const bytes =
    kind < 0.4 ? Buffer.from(mutateValue(random, body)) : kind < 0.7 ? mutateBytes(random, body) : Buffer.from(body);
  const headers = signed("nexus-01", id, bytes);
  if (random() < 0.2) headers["content-type"] = "application/cloudevents-batch+json";
  return [bytes, kind < 0.7 ? headers : mutateHeaders(random, headers)];
}

const LINES = [
  "GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort",
  "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
  "POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  "GET /status/%00%ff?fleet=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "GET /status?limit=1e9&cursor[]=1&__proto__[x]=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  "PUT /fleets/dev/roster HTTP/1.1\r\nHost: x\r\nnexus-pull-id: aaaaaaaa\r\nnexus-pull-mac: v1,x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
  "\u0000\u0001\u0002\r\n\r\n",
  `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  "GET /events/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 99999999999999999999\r\nConnection: close\r\n\r\n",
];

/** Writes bytes, closes its half, gives what came back. */
function raw(base: string, text: string): Promise<string> {
  const { port } = new URL(base);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ port: Number(port), host: "127.0.0.1" }, () => socket.end(text, "latin1"));
    socket.setEncoding("latin1").on("data", (piece: string) => (answer += piece));
    socket.setTimeout(5_000, () => socket.destroy());
    socket.on("error", () => undefined).once("close", () => resolve(answer));
  });
}

const serverError = (status: number | undefined): boolean => status !== undefined && status >= 500;

async function attack(base: string, seed: number, count: number): Promise<(number | undefined)[]> {
  const random = randomOf(seed);
  const statuses: (number | undefined)[] = [];
  for (let index = 0; index < count; index += 1) {
    if (index % 20 === 0) {
      const [, status] = /^HTTP\/1\.1 (\d+)/.exec(await raw(base, pick(random, LINES))) ?? [];
      statuses.push(status === undefined ? undefined : Number(status));
    } else statuses.push(await post(base, ...mutated(random, index)));
  }
  return statuses;
}

async function honest(base: string, count: number): Promise<number[]> {
  const lost: number[] = [];
  for (let seq = 1; seq <= count; seq += 1) {
    const { id, body } = heartbeat("honest", "e".repeat(32), seq);
    if ((await post(base, body, signed("honest", id, body))) !== 200) lost.push(seq);
  }
  return lost;
}

test("fails when a request of 2,000 mutated ones gets a 5xx, ends the receiver or harms an honest client", async () => {
  const place = new Place();
  const receiver = await ReceiverProcess.start(place);
  try {
    const attackers = Array.from({ length: 8 }, (_, seed) => attack(receiver.base, seed + 1, REQUESTS / 8));
    const [lost, ...answers] = await Promise.all([honest(receiver.base, HONEST), ...attackers]);
    const statuses = answers.flat();
    expect(statuses).toHaveLength(REQUESTS);
    expect(statuses.filter(serverError)).toEqual([]);
    // The mutations reach every layer: some are good all the same, others are refused for what they are.
    for (const status of [200, 400, 401, 404, 415, 422]) expect(statuses).toContain(status);
    expect(statuses.filter((status) => status === undefined).length).toBeLessThan(REQUESTS / 20);
    expect(lost).toEqual([]);
    const { phase } = await receiver.json<{ phase: string }>("/status/honest");
    expect(phase).toBe("Booted");
    const metrics = await (await fetch(`${receiver.base}/metrics`)).text();
    expect(metrics).not.toMatch(/refusals_total\{code="internal"\}/);
    expect(receiver.output).not.toMatch(/Error/);
    expect((await receiver.end()).status).toBe(0);
  } finally {
    await receiver.end("SIGKILL");
    place.remove();
  }
});
