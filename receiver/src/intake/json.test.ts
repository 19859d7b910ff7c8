// What a body's text comes to, against the slow way of finding out.
import fc from "fast-check";
import { MalformedJson, parseStrictly } from "./json";

const parsed = (text: string) => parseStrictly(Buffer.from(text));

/** A text of the same value, spelled as a seed has it: with spaces, escapes, and numbers in other forms. */
function spelled(value: unknown, next: () => number): string {
  const space = (): string => (next() % 4 === 0 ? " \t\n".slice(0, next() % 4) : "");
  const text = (one: string): string =>
    next() % 3 === 0 && one.length > 0
      ? `"\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}${JSON.stringify(one.slice(1)).slice(1)}`
      : JSON.stringify(one);
  if (typeof value === "number")
    return next() % 2 === 0 ? value.toExponential().replace("e+", "e") : JSON.stringify(value);
  if (typeof value === "string") return text(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Array.isArray(value)
    ? value.map((one) => spelled(one, next))
    : Object.entries(value).map(([key, one]) => `${text(key)}${space()}:${space()}${spelled(one, next)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}${space()}${parts.join(`${space()},${space()}`)}${close}`;
}

const values = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });
const seeds = fc.infiniteStream(fc.nat(11));

test("fails when the text that is kept is not compact, or is of another value", () => {
  fc.assert(
    fc.property(values, seeds, (value, seed) => {
      const text = spelled(value, () => seed.next().value as number);
      const kept = parsed(text).text;
      // Numbers may stay as they were.
      expect(JSON.stringify(JSON.parse(kept))).toBe(JSON.stringify(JSON.parse(text)));
      const outside = kept.replaceAll(/"(?:[^"\\]|\\.)*"/g, "");
      expect(outside).not.toMatch(/\s/);
    }),
    { numRuns: 2000 },
  );
});

test("fails when a body that is written compactly is written anew", () => {
  fc.assert(
    fc.property(values, (value) => {
      const text = JSON.stringify(value);
      expect(parsed(text).text).toBe(text);
    }),
  );
});

// Each is as long as its value would be with one key less.
test.each([
  ["thousands", '{"n":1e8,"a":1,"a":1}', { n: 1e8, a: 1 }],
  ["fractions", '{"n":1e-6,"m":1e-6,"a":100,"a":1}', { n: 1e-6, m: 1e-6, a: 1 }],
])("fails when %s that are written shortly hide a second key", (_what, text, value) => {
  expect(text).toHaveLength(JSON.stringify(value).length);
  expect(() => parsed(text)).toThrow(MalformedJson);
});

test("fails when a number that is written shortly hides spaces", () => {
  expect(parsed('{"n":1e8      }').text).toBe('{"n":100000000}');
});

test.each(['{"a":"é"}', '{"a":"\u{1f600}"}', '["\\ud83d"]'])("takes %s by its UTF-8, not byte by byte", (text) => {
  const body = Buffer.from(text);
  expect(parseStrictly(body, body.toString("latin1")).value).toEqual(JSON.parse(text));
});
