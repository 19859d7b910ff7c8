import type { TerraformElement } from "cdktf";

// Expressions are written as HCL text here instead of with Fn.*: they stand in attributes that only this room fills, they
// refer to locals of this room by name, and what Fn.* renders from literals with quotes or `%{` is invalid HCL.

/** Wraps an HCL expression so that it is evaluated where a string stands in the JSON. */
export function expression(hcl: string): string {
  return `\${${hcl}}`;
}

// A token that cdktf has still to resolve looks like ${TfToken[TOKEN.1]} and must stay; anything else is literal text.
const INTERPOLATION = /\$\{(?!TfToken\[)/g;

/** Literal text in the JSON: `${` and `%{` survive, tokens in it are still resolved. */
export function literal(text: string): string {
  return text.replace(INTERPOLATION, "$$${").replaceAll("%{", "%%{");
}

/** Literal text as a quoted HCL string inside an expression; tokens in it are still resolved. */
export function quoted(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${literal(escaped)}"`;
}

/** Name of a local, to be used inside an expression. */
export function local(element: TerraformElement): string {
  return `local.${element.friendlyUniqueId}`;
}

/** hex(sha256(K + hex(sha256(K + message)))): the one keyed hash of the contract, K being a secret expression. */
export function keyedHash(secret: string, message: string): string {
  return `sha256("\${${secret}}\${sha256("\${${secret}}\${${message}}")}")`;
}

/** MAC of one request: lines joined by a newline, under the operator secret; it may be shown, the secret may not. */
export function requestMac(secret: string, lines: readonly string[]): string {
  const mac = keyedHash(secret, `join("\\n", [${lines.join(", ")}])`);
  // nonsensitive() refuses a value that is not sensitive, and a user's variable need not be declared so.
  return `nonsensitive(sensitive(${mac}))`;
}
