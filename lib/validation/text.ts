import { Token, Tokenization } from "cdktf";
import type { Finding } from "../errors";
import { show } from "../errors";

// cdktf hides a number token in a huge negative number; written into text it is never resolved again.
const HUGE_NUMBER = /-\d\.\d+e\+\d{3}/g;
// List and map tokens as text, and any marker that is not a token of this tree.
const FOREIGN_TOKEN = /[#&]\{TfToken\[/;

const DEEPEST = 100;
const PLAIN = "plain data: text, finite numbers, booleans, null, lists without gaps and objects";

/**
 * Finds what would not arrive as it was given: text that OpenTofu changes, and values that are no data.
 * Walks strings and keys; tokens of this tree pass.
 */
export function findUnsafeText(value: unknown, prop: string): Finding[] {
  return walk(value, prop, []);
}

function walk(value: unknown, prop: string, ancestors: readonly unknown[]): Finding[] {
  if (typeof value === "string") return checkText(value, prop);
  if (typeof value === "number") return Number.isFinite(value) && !isForeignNumber(value) ? [] : noData(value, prop);
  if (value === null || value === undefined || typeof value === "boolean" || isToken(value)) return [];
  if (!isPlain(value) || ancestors.includes(value) || ancestors.length >= DEEPEST) return noData(value, prop);
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    // Array.from: a gap is undefined, which the engine would drop, and the rest would move up.
    return Array.from(value as unknown[]).flatMap((item, index) =>
      item === undefined ? noData(item, `${prop}[${index}]`) : walk(item, `${prop}[${index}]`, inside),
    );
  }
  return Object.entries(value).flatMap(([key, member]) => [
    ...checkKey(key, `${prop} (a key)`),
    ...walk(member, SIMPLE_KEY.test(key) ? `${prop}.${key}` : `${prop}[${show(key.toWellFormed())}]`, inside),
  ]);
}

// In a message any other key is quoted: one with a newline would look like another problem.
const SIMPLE_KEY = /^[\w-]+$/;

function noData(value: unknown, prop: string): Finding[] {
  const got = Array.isArray(value)
    ? "a list"
    : typeof value === "number"
      ? String(value)
      : `a value of type ${typeof value}`;
  return [{ code: "text_unsafe", prop, got, expected: PLAIN, remedy: "convert the value" }];
}

function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Also of another realm (a vm context, a test runner): its Object.prototype has no prototype either.
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isToken(value: unknown): boolean {
  if (Tokenization.isResolvable(value)) return true;
  if (!Token.isUnresolved(value)) return false;
  try {
    return Tokenization.reverse(value).length > 0;
  } catch {
    return false;
  }
}

function isForeignNumber(value: number): boolean {
  try {
    Tokenization.reverseNumber(value);
    return false;
  } catch {
    return true;
  }
}

function checkKey(key: string, prop: string): Finding[] {
  // The engine loses it: assigned to an object it sets the prototype.
  if (key !== "__proto__") return checkText(key, prop);
  return [{ code: "text_unsafe", prop, got: show(key), expected: "any other key", remedy: "rename the key" }];
}

function checkText(text: string, prop: string): Finding[] {
  if (hasNumberToken(text)) return [{ code: "number_token_in_text", prop, got: "a number token inside a string" }];
  // OpenTofu keeps strings in normal form C and cannot hold lone surrogates; what it would change is refused.
  const safe = text.isWellFormed() && !text.includes("\0") && text.normalize("NFC") === text && !hasForeignToken(text);
  return safe ? [] : [{ code: "text_unsafe", prop, got: show(text.toWellFormed()) }];
}

function hasForeignToken(text: string): boolean {
  if (FOREIGN_TOKEN.test(text)) return true;
  if (!text.includes("${TfToken[")) return false;
  try {
    Tokenization.reverseString(text);
    return false;
  } catch {
    return true;
  }
}

function hasNumberToken(text: string): boolean {
  // A number, or the one item that stands for a list of numbers.
  const hidden = (number: number): boolean => Token.isUnresolved(number) || Token.isUnresolved([number]);
  return (text.match(HUGE_NUMBER) ?? []).some((number) => hidden(Number(number)));
}
