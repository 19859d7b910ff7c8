import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { allDefinitions } from "./definitions";
import { lifecycle, limits, schemas, type Event } from "./index";
import { createValidator, errorsOf, EXAMPLE_FILES, patched, readExamples, valuesAt } from "./test-support";

const ajv = createValidator();
const events = readExamples("events");

describe("schemas", () => {
  test.each(Object.entries(schemas))("%s compiles in strict mode, with each of its definitions", (_name, schema) => {
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(ajv.getSchema(schema.$id)).toBeDefined();
    for (const name of Object.keys("$defs" in schema ? schema.$defs : {})) {
      expect(ajv.getSchema(`${schema.$id}#/$defs/${name}`)).toBeDefined();
    }
  });

  test("fails when a string or an array has no bound", () => {
    const unbounded = Object.values(schemas).flatMap((schema) => unboundedParts(schema, schema.$id));
    expect(unbounded).toEqual([]);
  });

  test("types.generated.ts is what the schemas give", () => {
    // In a process of its own: the generator imports ES modules, which jest cannot.
    const generator = [require.resolve("tsx/cli"), join(__dirname, "generate-types.ts"), "--print"];
    const text = execFileSync(process.execPath, generator, { encoding: "utf8" });
    expect(text).toBe(readFileSync(join(__dirname, "types.generated.ts"), "utf8"));
  }, 30_000);

  test("event types of schema and lifecycle are the same, by their maker", () => {
    for (const [definition, maker] of [
      ["agentEvent", "agent"],
      ["receiverEvent", "receiver"],
    ] as const) {
      const inTable = Object.entries(lifecycle.events).flatMap(([type, { made_by }]) =>
        made_by === maker ? [lifecycle.type_prefix + type] : [],
      );
      const schema = schemas.event.$defs[definition];
      expect(schema.properties.type.enum).toEqual(inTable);
      expect(schema.allOf.map((branch) => branch.if.properties.type.const)).toEqual(inTable);
    }
  });

  test("phases of schema and lifecycle are the same", () => {
    expect(schemas.event.$defs.phase.enum).toEqual(lifecycle.phases.map(({ name }) => name));
  });
});

describe.each(EXAMPLE_FILES)("examples/%s.json", (file) => {
  const { schema, valid, invalid } = readExamples(file);

  test.each(valid)("valid: $name", ({ value }) => {
    expect(errorsOf(ajv, schema, value)).toEqual([]);
  });

  test.each(invalid)("invalid: $name", ({ of, patch, keyword, path }) => {
    const base = valid.find(({ name }) => name === of);
    const errors = errorsOf(ajv, schema, patched(base?.value, patch));
    expect(errors).toContainEqual(expect.objectContaining({ keyword, instancePath: path }));
  });
});

describe("example events", () => {
  test("every type has a valid and an invalid one", () => {
    const types = Object.keys(lifecycle.events).map((type) => lifecycle.type_prefix + type);
    const typeOf = (name: string) => (events.valid.find((one) => one.name === name)?.value as Event).type;
    expect(new Set(events.valid.map(({ name }) => typeOf(name)))).toEqual(new Set(types));
    expect(new Set(events.invalid.map(({ of }) => typeOf(of)))).toEqual(new Set(types));
  });

  test("use no field that the schema does not name", () => {
    const definitions = allDefinitions() as Record<string, { properties?: object; allOf?: unknown[] }>;
    for (const { name, value } of events.valid) {
      const event = value as Event;
      const kind = lifecycle.events[event.type.slice(lifecycle.type_prefix.length)]?.made_by;
      const branches = definitions[`${kind}Event`]?.allOf as { if: object; then: object }[];
      const branch = branches.find((one) => valuesAt(one.if, "const").includes(event.type));
      const own = String(valuesAt(branch?.then, "$ref")[0]).replace("#/$defs/", "");
      const known = [definitions[`${kind}Data`], definitions[own]].flatMap((d) => Object.keys(d?.properties ?? {}));
      expect({ name, unknown: Object.keys(event.data).filter((key) => !known.includes(key)) }).toEqual({
        name,
        unknown: [],
      });
    }
  });

  test("an agent's id is its stream and seq, and its source names its VM", () => {
    for (const { value } of events.valid) {
      const { id, source, data } = value as Event;
      expect(source).toBe(`/fleets/${data.fleet}/vms/${data.vm}`);
      if ("seq" in data) expect(id).toBe(`${data.stream}-${data.seq}`);
    }
  });

  test("a heartbeat's data fits its limit", () => {
    const heartbeat = events.valid.find(({ name }) => name === "vm.heartbeat")?.value as Event;
    expect(Buffer.byteLength(JSON.stringify(heartbeat.data))).toBeLessThanOrEqual(limits.heartbeat_data_bytes);
  });

  test("unknown fields in data pass, unknown fields beside it do not, extension attributes do", () => {
    const booted = events.valid.find(({ name }) => name === "vm.booted")?.value as Event;
    const check = (value: unknown) => errorsOf(ajv, "event.schema.json#/$defs/agentEvent", value).length;
    expect(check({ ...booted, data: { ...booted.data, colour: "green" } })).toBe(0);
    expect(check({ ...booted, traceparent: "00-1" })).toBe(0);
    expect(check({ ...booted, trace_parent: "00-1" })).toBeGreaterThan(0);
  });

  test("a receiver's event is no agent's event", () => {
    const released = events.valid.find(({ name }) => name === "vm.released")?.value;
    expect(errorsOf(ajv, "event.schema.json#/$defs/agentEvent", released).length).toBeGreaterThan(0);
  });

  test("a batch takes agent events only, 1 to 100", () => {
    const agent = events.valid.filter(({ value }) => "seq" in (value as Event).data).map(({ value }) => value);
    const check = (value: unknown) => errorsOf(ajv, "event.schema.json#/$defs/agentBatch", value).length;
    expect(check(agent)).toBe(0);
    expect(check([])).toBeGreaterThan(0);
    expect(check(Array.from({ length: limits.batch_events + 1 }, () => agent[0]))).toBeGreaterThan(0);
  });
});

/** Places where a string has neither pattern, maxLength, enum nor format, or an array no maxItems. */
function unboundedParts(node: unknown, path: string): string[] {
  if (node === null || typeof node !== "object") return [];
  const schema = node as Record<string, unknown>;
  const inner = Object.entries(schema).flatMap(([key, value]) => unboundedParts(value, `${path}/${key}`));
  const string = schema["type"] === "string" && !("maxLength" in schema) && !finite(String(schema["pattern"] ?? "+"));
  const array = schema["type"] === "array" && !("maxItems" in schema);
  return string || array ? [path, ...inner] : inner;
}

/** Whether an anchored pattern has no unbounded repetition. */
const finite = (pattern: string): boolean =>
  pattern.endsWith("$") && !/[*+]|,\}/.test(pattern.replace(/\[[^\]]*\]/g, "x"));
