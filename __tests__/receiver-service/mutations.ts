// Requests as nobody should send them: by chance, but the same ones for the same seed.
import { heartbeat, signed } from "../../lab/services/receiver-client";

export type Random = () => number;
export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

type Headers = Record<string, string>;
export type Request = readonly [body: Buffer, headers: Headers];

const STREAM = "f".repeat(32);
const VALUES = [
  null,
  true,
  -1,
  1e308,
  5e-324,
  9007199254740993,
  "",
  "\u0000",
  "\ud800",
  "‮",
  "e\u0301\u00e9\ufeff\u{1f4a9}",
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
  `-${"9".repeat(4000)}`,
  "[".repeat(5000),
  "\\ud800",
  "NaN",
  "/*x*/",
];
/** No UTF-8: a lone continuation, an overlong slash, a surrogate, beyond the last character. */
const NO_TEXT = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]];

/** Somewhere in the event another value, another key, or nothing. */
function mutateValue(random: Random, text: string): Buffer {
  const event = JSON.parse(text) as Record<string, unknown>;
  const target = random() < 0.5 ? event : (event["data"] as Record<string, unknown>);
  const key = pick(random, [...Object.keys(target), "unknown", "__proto__", "constructor"]);
  if (random() < 0.2) delete target[key];
  else Object.defineProperty(target, key, { value: pick(random, VALUES), enumerable: true, configurable: true });
  return Buffer.from(JSON.stringify(random() < 0.1 ? [event, pick(random, [event, ...VALUES])] : event));
}

const WHOLE = ["", "null", "0", '""', "[]", "{}", "[null]", "[[]]", "\ufeff{}"];

function mutateBytes(random: Random, text: string): Buffer {
  if (random() < 0.1) return Buffer.from(pick(random, WHOLE));
  const at = Math.floor(random() * text.length);
  const [head, tail] = [Buffer.from(text.slice(0, at)), Buffer.from(text.slice(at))];
  const put = random() < 0.2 ? Buffer.from(pick(random, NO_TEXT)) : Buffer.from(pick(random, RAW));
  const bytes = pick(random, [Buffer.concat([head, put, tail]), head, Buffer.from(text + text)]);
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

function mutateHeaders(random: Random, headers: Headers): Headers {
  const changed = { ...headers };
  const name = pick(random, HEADERS);
  if (random() < 0.3) delete changed[name];
  else changed[name] = pick(random, HEADER_VALUES);
  return changed;
}

/** A signature that is nearly one: cut off, of another scheme, another VM's, of another body, or from another time. */
function mutateSignature(random: Random, body: Buffer, id: string): Headers {
  const headers = signed("nexus-01", id, body);
  const now = Math.floor(Date.now() / 1000);
  const known = headers["webhook-signature"];
  const other = (signature: string): Headers => ({ ...headers, "webhook-signature": signature });
  return pick(random, [
    other(known.slice(0, 3 + Math.floor(random() * 43))),
    other(known.replace("v1,", pick(random, ["v2,", "v1a,", "V1,", "none,", "", "v1:"]))),
    other(`${known.slice(0, -1)} ${known.slice(0, -2)}==`),
    signed("nexus-02", id, body),
    signed("nexus-01", id, Buffer.concat([body, body])),
    signed("nexus-01", id, body, now + pick(random, [-301, -1e9, 301, 1e9])),
  ]);
}

/** As large as a body may be, or larger: a note, what nobody signed, an event that the VM signed. */
export function large(random: Random, index: number): Request {
  const { id, body } = heartbeat("nexus-01", STREAM, index + 1);
  const [head, tail] = [body.slice(0, -2), body.slice(-2)];
  const bytes = Buffer.from(`${head},"note":"${"x".repeat(pick(random, [900_000, 1_000_000, 1_100_000]))}"${tail}`);
  const type = "application/cloudevents+json";
  return [bytes, pick(random, [{ "content-type": type }, signed("nobody", id, bytes), signed("nexus-01", id, bytes)])];
}

export function mutated(random: Random, index: number): Request {
  const { id, body } = heartbeat("nexus-01", STREAM, index + 1);
  const plain = Buffer.from(body);
  const kind = random();
  if (kind < 0.1) return [plain, mutateSignature(random, plain, id)];
  const bytes = kind < 0.45 ? mutateValue(random, body) : kind < 0.7 ? mutateBytes(random, body) : plain;
  const headers: Headers = signed("nexus-01", id, bytes);
  if (random() < 0.2) headers["content-type"] = "application/cloudevents-batch+json";
  return [bytes, kind < 0.7 ? headers : mutateHeaders(random, headers)];
}

/** Bytes of connections that are no request, or half of one. */
export const LINES = [
  "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nshort",
  "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
  "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  "GET /status/%00%ff?fleet=%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
  "GET /status?limit=1e9&cursor[]=1&__proto__[x]=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
  "PUT /fleets/dev/roster HTTP/1.1\r\nHost: 127.0.0.1\r\nnexus-pull-id: aaaaaaaa\r\nnexus-pull-mac: v1,x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]",
  "\u0000\u0001\u0002\r\n\r\n",
  `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
  `GET / HTTP/1.1\r\n${"X-Many: y\r\n".repeat(3000)}\r\n`,
  "GET /events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 99999999999999999999\r\nConnection: close\r\n\r\n",
];

/** What is begun and never ended, byte by byte: nothing at all, a header, a body, a piece of one. */
export const SLOW = [
  "",
  "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
  "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n",
  "POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
];
