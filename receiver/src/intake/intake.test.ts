import { createSecretKey } from "node:crypto";
import { limits, rejections } from "@nexus-pull/contract";
import { patched, readExamples, readJson } from "@nexus-pull/contract/test-support";
import { Refusal } from "../engine/refusal";
import { event } from "../test-support";
import { type Mode, modeOf, readEvents } from "./events";
import { MalformedJson, parseStrictly } from "./json";
import { isSignedBy, readHeaders } from "./signature";
import { namedIn, SignerSearch, VmKeys } from "./signer";

interface SignatureVector {
  readonly name: string;
  readonly keys: readonly string[];
  readonly now: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly body_b64?: string;
  readonly valid: boolean;
  readonly code?: string;
}
interface KeyVector {
  readonly name: string;
  readonly secret: string;
  readonly fleet: string;
  readonly vm: string;
  readonly key: string;
}
const vectors = <T>(name: string): T[] => (readJson(`vectors/${name}.json`) as { vectors: T[] }).vectors;

function verdict({ headers, now, keys, body, body_b64 }: SignatureVector): string | undefined {
  const bytes = body_b64 === undefined ? Buffer.from(body ?? "") : Buffer.from(body_b64, "base64");
  const [id, timestamp, signature] = ["id", "timestamp", "signature"].map((name) => headers[`webhook-${name}`]);
  const signed = readHeaders({ id, timestamp, signature }, now);
  if (typeof signed === "string") return signed;
  const fits = keys.some((key) => isSignedBy(createSecretKey(Buffer.from(key)), signed, bytes));
  return fits ? undefined : "signature_invalid";
}

describe("signatures", () => {
  test.each(vectors<SignatureVector>("signatures"))("$name", (vector) => {
    expect(verdict(vector)).toBe(vector.valid ? undefined : vector.code);
  });

  test.each(vectors<KeyVector>("keys"))("a key is derived: $name", ({ secret, fleet, vm, key }) => {
    const body = Buffer.from("x");
    const signed = readHeaders({ id: "i", timestamp: "1", signature: "v1,x" }, 1);
    if (typeof signed === "string") throw new Error(signed);
    expect(new VmKeys([secret]).of({ fleet, vm })[0]?.export().toString("ascii")).toBe(key);
    expect(new VmKeys([secret]).signs({ fleet, vm }, signed, body)).toBe(false);
  });
});

describe("whose key", () => {
  test("fails when a body that names many costs many keys", () => {
    const names = Array.from({ length: 50 }, (_, i) => `"source":"/fleets/dev/vms/vm-${i}"`);
    expect(namedIn(`{${names.join(",")}}`)).toHaveLength(4);
  });

  test("fails when the search for a stranger's key has no bound", () => {
    const keys = new VmKeys(["secret"]);
    let tried = 0;
    const signs = jest.spyOn(keys, "signs").mockImplementation(() => ((tried += 1), false));
    const known = Array.from({ length: 10_000 }, (_, i) => ({ fleet: "dev", vm: `vm-${i}` }));
    const search = new SignerSearch(keys);
    const signed = { id: "i", timestamp: "1", given: [] };
    expect(search.find(known, signed, Buffer.alloc(50_000), 5000)).toBeUndefined();
    expect(tried).toBeLessThan(500);
    expect(search.find(known, signed, Buffer.alloc(50_000), 5500)).toBeUndefined();
    expect(tried).toBeLessThan(500);
    signs.mockReturnValue(true);
    expect(search.find(known, signed, Buffer.alloc(50_000), 6001)).toEqual(known[0]);
  });
});

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("strict JSON", () => {
  test.each([
    ["a key twice", '{"a":1,"a":2}'],
    ["a key twice, spelled differently", '{"a":1,"\\u0061":2}'],
    ["a key twice, deep inside", '[{"x":{"__proto__":1,"y":[],"__proto__":2}}]'],
    ["too deep", nested(limits.depth + 1)],
    ["a byte order mark", "\ufeff{}"],
    ["nothing", ""],
    ["half of something", '{"a":'],
  ])("refuses %s", (_name, text) => {
    expect(() => parseStrictly(Buffer.from(text))).toThrow(MalformedJson);
  });

  test("refuses what is not UTF-8", () => {
    expect(() => parseStrictly(Buffer.from([0x22, 0xff, 0xfe, 0x22]))).toThrow(MalformedJson);
  });

  test.each([
    ['{"a":"b","b":"a","c":{"a":"a"}}', "values like keys"],
    ['{"a\\"":1,"a":"\\\\","b":["{","}",",\\"x\\":"]}', "punctuation in strings"],
    ['{"a":["b","b"],"c":[{"a":1},{"a":2}]}', "equal elements"],
    [nested(limits.depth), "just deep enough"],
  ])("takes %s (%s)", (text) => {
    expect(parseStrictly(Buffer.from(text)).value).toEqual(JSON.parse(text));
  });

  test("fails when a long string needs a deep stack", () => {
    const text = JSON.stringify({ a: '\\"'.repeat(400_000) });
    expect(parseStrictly(Buffer.from(text)).value).toEqual(JSON.parse(text));
  });
});

const read = (value: unknown, mode: Mode, id: string) =>
  readEvents(parseStrictly(Buffer.from(JSON.stringify(value))), mode, id);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "accepted";
}

describe("events", () => {
  test("a heartbeat that says too much is taken all the same", () => {
    const long = event("vm.heartbeat", { data: { hostname: "h", note: "x".repeat(limits.heartbeat_data_bytes) } });
    expect(read(long, "structured", long.id)).toHaveLength(1);
  });

  const examples = readExamples("events");
  const fromAgents = examples.valid.filter(({ value }) => "stream" in (value as { data: object }).data);
  const agentTypes = fromAgents.filter(({ value }) => !(value as { id: string }).id.startsWith("receiver-"));

  test.each(agentTypes)("takes the example $name", ({ value }) => {
    expect(read(value, "structured", (value as { id: string }).id)).toHaveLength(1);
  });

  test("reserves what the receiver makes", () => {
    for (const type of ["vm.expected", "vm.released", "vm.impostor"])
      expect(codeOf(() => read(event(type), "structured", event(type).id))).toBe("type_reserved");
  });

  test.each(examples.invalid)("refuses the example $name", ({ of, patch }) => {
    const valid = examples.valid.find(({ name }) => name === of)?.value as { id: string };
    const value = patched(valid, patch);
    const code = codeOf(() => read(value, "structured", valid.id));
    expect(["event_invalid", "type_unknown", "type_reserved"]).toContain(code);
  });

  const one = event("vm.booted");
  const two = event("vm.heartbeat", { seq: 2 });
  const batchId = `${"a".repeat(32)}-1-2`;
  test.each<[string, unknown, "structured" | "batch", string]>([
    ["accepted", [one, two], "batch", batchId],
    ["id_mismatch", [one, two], "batch", one.id],
    ["batch_mixed", [two, one], "batch", batchId],
    ["batch_mixed", [one, one], "batch", batchId],
    ["batch_mixed", [one, event("vm.heartbeat", { seq: 2, vm: "nexus-02" })], "batch", batchId],
    ["batch_mixed", [one, event("vm.heartbeat", { seq: 2, stream: "b".repeat(32) })], "batch", batchId],
    ["event_invalid", [], "batch", batchId],
    ["event_invalid", one, "batch", batchId],
    ["event_invalid", [one], "structured", one.id],
    ["event_invalid", null, "structured", "x"],
    ["id_mismatch", one, "structured", two.id],
    ["id_mismatch", { ...one, id: "x-1" }, "structured", "x-1"],
    ["source_mismatch", { ...one, source: "/fleets/dev/vms/nexus-02" }, "structured", one.id],
    ["type_unknown", { ...one, type: "io.nexus-pull.toString" }, "structured", one.id],
    ["type_unknown", { ...one, type: "com.example.x" }, "structured", one.id],
    ["body_too_large", { ...one, data: { ...one.data, more: "x".repeat(limits.event_bytes) } }, "structured", one.id],
  ])("%s", (code, value, mode, id) => {
    expect(codeOf(() => read(value, mode, id))).toBe(code);
  });

  test("keeps unknown fields, and a __proto__ as a field", () => {
    const text = JSON.stringify(one).replace('"data":{', '"data":{"__proto__":{"x":1},"newer":[1],');
    const [taken] = readEvents(parseStrictly(Buffer.from(text)), "structured", one.id);
    expect(taken?.text).toBe(text);
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  test.each([
    ["application/cloudevents+json", "structured"],
    ["application/cloudevents+json; charset=utf-8", "structured"],
    ['Application/CloudEvents-Batch+JSON;charset="UTF-8"', "batch"],
  ])("media type %s is %s", (type, mode) => {
    expect(modeOf(type)).toBe(mode);
  });

  test.each([
    undefined,
    "",
    "application/json",
    "application/cloudevents+xml",
    "application/cloudevents+json; charset=latin1",
  ])("media type %s is refused", (type) => {
    expect(codeOf(() => modeOf(type))).toBe("media_type");
  });
});

test("every refusal of the code is one of the contract", () => {
  for (const { code } of rejections) expect(new Refusal(code).rejection.status).toBeGreaterThan(399);
  expect(() => new Refusal("made_up")).toThrow("rejections.json");
});
