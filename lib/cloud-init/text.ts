import { Token, Tokenization } from "cdktf";
import type { Finding } from "../errors";
import { show } from "../errors";

// cdktf hides a number token in a huge negative number; written into text it is never resolved again.
const HUGE_NUMBER = /-\d\.\d+e\+\d{3}/g;
// List and map tokens as text, and any marker that is not a token of this tree.
const FOREIGN_TOKEN = /[#&]\{TfToken\[/;

/** Finds text that would not arrive as it was given. Walks strings and keys of any data; tokens pass. */
export function findUnsafeText(value: unknown, prop: string): Finding[] {
  if (typeof value === "string") return checkText(value, prop);
  if (value === null || typeof value !== "object" || Tokenization.isResolvable(value) || Token.isUnresolved(value))
    return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => findUnsafeText(item, `${prop}[${index}]`));
  return Object.entries(value).flatMap(([key, member]) => [
    ...checkText(key, `${prop} (a key)`),
    ...findUnsafeText(member, `${prop}.${key}`),
  ]);
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
  return (text.match(HUGE_NUMBER) ?? []).some((number) => Token.isUnresolved(Number(number)));
}
