import type { Readable } from "node:stream";

/**
 * The lines of a text in UTF-8, without what ends them; a last one needs no end. A line ends at \n alone: Node's readline
 * also splits at \r and, since Node 24, at U+2028 and U+2029, all of which may stand inside a string of JSON or of a log.
 */
export async function* linesOf(input: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = "";
  for await (const chunk of input as AsyncIterable<Buffer | string>) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const pieces = text.split("\n");
    const last = pieces.pop() ?? "";
    for (const piece of pieces) {
      yield open + piece;
      open = "";
    }
    open += last;
  }
  open += decoder.decode();
  if (open !== "") yield open;
}
