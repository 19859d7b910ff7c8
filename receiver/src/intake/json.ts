// JSON as the contract wants it: UTF-8, no key twice, not too deep. JSON.parse alone takes all three.
import { limits } from "../../../contract";

export class MalformedJson extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface Parsed {
  readonly value: unknown;
  /** The value as compact JSON. */
  readonly text: string;
}

export function parseStrictly(body: Uint8Array): Parsed {
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
  checkDepth(text);
  const compact = JSON.stringify(value);
  // Of a key that is there twice, parsing keeps one: a body that comes back as it was has none. Others are counted.
  if (compact !== text && shapeOf(text).keys !== keysIn(value)) checkKeys(text);
  return { value, text: compact };
}

/** Most have fewer brackets than they may be deep. */
function checkDepth(text: string): void {
  const brackets = timesIn(text, "{") + timesIn(text, "[");
  if (brackets > limits.depth && shapeOf(text).depth > limits.depth)
    throw new MalformedJson(`the body is deeper than ${limits.depth}`);
}

function timesIn(text: string, character: string): number {
  let times = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) times += 1;
  return times;
}

const BACKSLASH = 0x5c;
const [QUOTE, COLON, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x22, 0x3a, 0x5b, 0x5d, 0x7b, 0x7d];

/** How many keys a text has that is known to be JSON, and how deep it is. */
function shapeOf(text: string): { readonly keys: number; readonly depth: number } {
  let [keys, depth, deepest] = [0, 0, 0];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COLON) keys += 1;
    else if (code === OPEN || code === OPEN_LIST) deepest = Math.max(deepest, (depth += 1));
    else if (code === CLOSE || code === CLOSE_LIST) depth -= 1;
  }
  return { keys, depth: deepest };
}

function keysIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const parts: unknown[] = Object.values(value);
  let keys = Array.isArray(value) ? 0 : parts.length;
  for (const part of parts) keys += keysIn(part);
  return keys;
}

/** Where the string that begins at `start` ends. By hand: a pattern would need a stack as deep as the string is long. */
function endOfString(text: string, start: number): number {
  let end = start;
  let escapes: number;
  do {
    end = text.indexOf('"', end + 1);
    escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
  } while (escapes % 2 === 1);
  return end;
}

/** Says which key is there twice in a text that is known to be JSON. */
function checkKeys(text: string): void {
  const punctuation = /["{}[\],]/g;
  // An object's keys; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let found = punctuation.exec(text); found !== null; found = punctuation.exec(text)) {
    const [token] = found;
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined);
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
