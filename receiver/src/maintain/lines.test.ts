import { Readable } from "node:stream";
import { linesOf } from "./lines";

async function lines(...chunks: (string | Buffer)[]): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of linesOf(Readable.from(chunks, { objectMode: false }))) seen.push(line);
  return seen;
}

test.each([
  ["U+2028", "a\u2028b"],
  ["U+2029", "a\u2029b"],
  ["U+0085", "a\u0085b"],
  ["a carriage return", "a\rb"],
  ["a form feed", "a\fb"],
])("%s does not end a line", async (_name, line) => {
  expect(await lines(`${line}\nnext\n`)).toEqual([line, "next"]);
});

test("a line goes on over chunks, and a character over their bytes", async () => {
  const bytes = Buffer.from("ä€😀\nz");
  expect(await lines(...[...bytes].map((byte) => Buffer.from([byte])))).toEqual(["ä€😀", "z"]);
});

test("a last line needs no end, an empty line in between is one, and nothing has no line", async () => {
  expect(await lines("a\n\nb")).toEqual(["a", "", "b"]);
  expect(await lines("a\n")).toEqual(["a"]);
  expect(await lines()).toEqual([]);
});

test("several strings are one text", async () => {
  expect(await lines("a", "b\nc", "\nd")).toEqual(["ab", "c", "d"]);
});
