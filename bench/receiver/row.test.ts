import { between } from "./page";
import { best, type Row, verdictOf } from "./row";
import { table } from "./table";

const row = (seen: number, more: Partial<Row> = {}): Row => ({
  ...{ name: "a", wanted: 100, seen, better: "higher", unit: "/s" },
  ...more,
});

test.each([
  [row(100), "held"],
  [row(99.9), "MISSED"],
  [row(80), "MISSED"],
  [row(79.9), "RED"],
  [row(NaN), "RED"],
  [row(100, { better: "lower" }), "held"],
  [row(0, { better: "lower" }), "held"],
  [row(-2, { better: "lower" }), "held"],
  [row(NaN, { better: "lower" }), "RED"],
  [row(100.4, { better: "lower" }), "held"],
  [row(125, { better: "lower" }), "MISSED"],
  [row(126, { better: "lower" }), "RED"],
  [row(1, { judged: false }), "not judged"],
  [row(100, { judged: false }), "held"],
] as const)("fails when a goal's verdict is another: %o", (one, verdict) => {
  expect(verdictOf(one)).toBe(verdict);
});

test("fails when a worse attempt counts", () => {
  const lower = { name: "b", better: "lower" } as const;
  const seen = best([row(90), row(90, lower)], [row(80), row(80, lower)]);
  expect(seen).toEqual([row(90), row(80, lower)]);
});

test("the table reads as text and as Markdown", () => {
  expect(table([row(1234.5, { note: "n" })]).split("\n")).toEqual([
    "| goal | wanted    | seen     | of the goal |      | made of |",
    "| ---- | --------- | -------- | ----------- | ---- | ------- |",
    "| a    | >= 100 /s | 1,230 /s | 12.3        | held | n       |",
  ]);
});

test("fails when anything outside of the page's markers is written over", () => {
  const page = (text: string): string =>
    `above\n<!-- bench:receiver -->\n\n${text}\n\n<!-- /bench:receiver -->\nbelow\n`;
  expect(between(page("old"), "new")).toBe(page("new"));
  expect(() => between("no markers", "new")).toThrow("the page has no");
});
