// JSON as the contract wants it: UTF-8, no key twice, not too deep. JSON.parse alone takes all three.
import { isAscii } from "node:buffer";
import { limits } from "@nexus-pull/contract";

export class MalformedJson extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface Parsed {
  readonly value: unknown;
  /** The value as compact JSON. */
  readonly text: string;
}

/** `latin1`: the body with a character for each byte, where somebody has it already. */
export function parseStrictly(body: Uint8Array, latin1?: string): Parsed {
  const text = decoded(body, latin1);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MalformedJson(`the body is no JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  checkDepth(text);
  // Of a key that is there twice, parsing keeps one: a body that is as long as its value has none. Others are counted.
  if (compactLength(value) === text.length) return { value, text };
  if (shapeOf(text).keys !== keysIn(value)) checkKeys(text);
  return { value, text: JSON.stringify(value) };
}

function decoded(body: Uint8Array, latin1: string | undefined): string {
  if (latin1 !== undefined && isAscii(body)) return latin1;
  try {
    return decoder.decode(body);
  } catch {
    throw new MalformedJson("the body is not UTF-8");
  }
}

/**
 * Characters that a value has at least, as JSON: a space, an escape or a second key makes a text longer. NaN where a number
 * can be written shorter than it is here, which could make up for one of them. Takes a fourth of the time of JSON.stringify.
 */
function compactLength(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value === "boolean") return value ? 4 : 5;
  if (typeof value === "number") return lengthOfNumber(value);
  if (value === null) return 4;
  let [length, parts] = [1, 0];
  if (Array.isArray(value))
    for (const part of value as unknown[]) [length, parts] = [length + compactLength(part) + 1, parts + 1];
  else
    for (const key in value as object) {
      length += key.length + 4 + compactLength((value as Record<string, unknown>)[key]);
      parts += 1;
    }
  return parts === 0 ? 2 : length;
}

/** Thousands can be written shorter, 1e3, and so can fractions. */
function lengthOfNumber(value: number): number {
  return Number.isSafeInteger(value) && (value % 1000 !== 0 || value === 0) ? String(value).length : NaN;
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
