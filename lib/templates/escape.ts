import { Token } from "cdktf";

/** One token of cdktf as it stands in a string before synthesis. */
const TOKEN = /\$\{TfToken\[[^\]]+\]\}/g;

/**
 * A value for a unit file: bare when it is harmless, else quoted with systemd.syntax(7)'s escapes. `$` and `%` are
 * doubled, which is right in command lines (ExecStart=); other settings here only take harmless values.
 */
export function systemd(value: unknown): string {
  const text = plainText(value, "systemd");
  if (/^[A-Za-z0-9_./:@+-]+$/.test(text)) return text;
  const escaped = text
    .replace(/["\\]/g, "\\$&")
    .replace(/[$%]/g, "$&$&")
    .replace(/[\x00-\x1f\x7f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

/** A value as one word of a POSIX shell. */
export function shell(value: unknown): string {
  return `'${plainText(value, "shell").replace(/'/g, `'\\''`)}'`;
}

/**
 * Base64 text, which may be or contain a token: what a token stands for is made by OpenTofu's base64 functions and needs
 * no escaping. Nothing else passes, so nothing can end the here-document that it stands in.
 */
export function base64(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new TypeError("base64: expected a string that is not empty");
  const literal = Token.isUnresolved(value) ? value.replace(TOKEN, "") : value;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(literal)) throw new TypeError("base64: the text holds other characters");
  return value;
}

function plainText(value: unknown, helper: string): string {
  if (typeof value === "number" && Number.isFinite(value) && !Token.isUnresolved(value)) return String(value);
  if (typeof value !== "string") throw new TypeError(`${helper}: expected a string or a number, got ${typeof value}`);
  // A token's value is known only to OpenTofu, so it cannot be escaped here.
  if (Token.isUnresolved(value)) throw new TypeError(`${helper}: a value that only OpenTofu knows cannot be escaped`);
  if (value.includes("\0")) throw new TypeError(`${helper}: a NUL cannot be written`);
  return value;
}
