// The quick look at an event says the same as the whole schema.
import fc from "fast-check";
import { patched, readExamples } from "@nexus-pull/contract/test-support";
import { isAgentEvent, validators } from "./schemas";

type Members = Record<string, unknown>;
type Spoken = Members & { readonly type: string; readonly data: Members };

const { valid, invalid } = readExamples("events");
const events = valid.map(({ value }) => value as Spoken).filter((value) => validators.agentEvent(value));
const typeOf = (value: unknown): string => (value as Spoken).type;

const same = (value: unknown): void =>
  expect([value, isAgentEvent(typeOf(value), value)]).toEqual([value, validators.agentEvent(value)]);

test("of every example, also of those that are no events", () => {
  const broken = invalid.map(({ of, patch }) => patched(valid.find(({ name }) => name === of)?.value, patch));
  expect(events.length).toBeGreaterThan(15);
  for (const value of [...events, ...broken]) if (typeof typeOf(value) === "string") same(value);
});

test.each([
  ["2026-02-29T00:00:00Z", false],
  ["2024-02-29T00:00:00Z", true],
  ["2026-02-30T00:00:00Z", false],
  ["2026-04-31T00:00:00Z", false],
  ["2026-12-31T23:59:60Z", true],
  ["2026-12-31T23:59:61Z", false],
  ["2026-13-01T00:00:00Z", false],
  ["2026-01-00T00:00:00Z", false],
  ["2026-01-31T24:00:00Z", false],
  ["2026-01-31T00:00:00+02:00", true],
  ["2026-01-31T00:00:00.123456z", true],
  ["2026-01-31 00:00:00Z", true],
  ["2026-01-31", false],
])("of the time %s: %s", (time, holds) => {
  const value = { ...events[0], time };
  expect(validators.agentEvent(value)).toBe(holds);
  same(value);
});

test("of extension attributes", () => {
  for (const more of [{ traceparent: "00-1" }, { traceparent: null }, { Trace: "1" }, { a: 1 }])
    for (const event of events) same({ ...event, ...more });
});

test("fails when an event that is changed anywhere is taken by one and not by the other", () => {
  const members = (event: Spoken): readonly (readonly string[])[] => [
    ...Object.keys(event).map((name) => [name]),
    ...Object.keys(event.data).map((name) => ["data", name]),
  ];
  const put = (event: Spoken, [name = "", inner]: readonly string[], value: unknown): unknown =>
    inner === undefined ? { ...event, [name]: value } : { ...event, data: { ...event.data, [inner]: value } };
  const values = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("", "a", "A b", "x".repeat(3000), -1, 0, 1.5, 1e15, null, [], {}, [""], "0".repeat(40)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...events), fc.nat(), values, (event, at, value) => {
      const all = members(event);
      const place = all[at % all.length] ?? [];
      const changed = put(event, place, value);
      // What asks knows the type already.
      if (place[0] !== "type") same(changed);
    }),
    { numRuns: 3000 },
  );
});
