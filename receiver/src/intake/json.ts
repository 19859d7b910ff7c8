// JSON as the contract wants it: UTF-8, no key twice, not too deep. JSON.parse alone takes all three.
import { limits } from "../../../contract";

export class MalformedJson extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function parseStrictly(body: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(body);
  } catch {
    throw new MalformedJson("the body is not UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MalformedJson(`the body is no JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  checkShape(text);
  return value;
}

/** Where the string that begins at `start` ends. By hand: a pattern would need a stack as deep as the string is long. */
function endOfString(text: string, start: number): number {
  let end = start;
  let escapes: number;
  do {
    end = text.indexOf('"', end + 1);
    escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes += 1;
  } while (escapes % 2 === 1);
  return end;
}

/** Depth and keys of a text that is known to be JSON. */
function checkShape(text: string): void {
  const punctuation = /["{}[\],]/g;
  // An object's keys; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let found = punctuation.exec(text); found !== null; found = punctuation.exec(text)) {
    const [token] = found;
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined);
      if (open.length > limits.depth) throw new MalformedJson(`the body is deeper than ${limits.depth}`);
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === '"') {
      const end = endOfString(text, found.index);
      if (keyNext) note(open.at(-1) as Set<string>, text.slice(found.index, end + 1));
      punctuation.lastIndex = end + 1;
    }
    keyNext = (token === "{" || token === ",") && open.at(-1) !== undefined;
  }
}

function note(keys: Set<string>, token: string): void {
  // Two spellings of one key are one key.
  const key = token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
  if (keys.has(key)) throw new MalformedJson(`the key ${token.slice(0, 100)} is there twice`);
  keys.add(key);
}
