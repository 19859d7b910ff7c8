import { type TerraformElement, TerraformLocal, Token } from "cdktf";
import type { Construct } from "constructs";

// Expressions are written as HCL text here instead of with Fn.*: they stand in attributes that only this room fills, they
// refer to locals of this room by name, and what Fn.* renders from literals with quotes or `%{` is invalid HCL.
// No token ever stands inside such text: within `${` cdktf drops a token's braces, which inside a quoted string turns a
// reference into its own name. A token gets a local, see operand().

/** Wraps an HCL expression so that it is evaluated where a string stands in the JSON. */
export function expression(hcl: string): string {
  return `\${${hcl}}`;
}

/** An HCL operand as a string of the JSON; simple text stays readable. */
export function template(operandText: string): string {
  return /^"[^"\\]*"$/.test(operandText) ? operandText.slice(1, -1) : expression(operandText);
}

// A token that cdktf has still to resolve looks like ${TfToken[TOKEN.1]} and must stay; anything else is literal text.
const INTERPOLATION = /\$\{(?!TfToken\[)/g;

/** Literal text in the JSON: `${` and `%{` survive, tokens in it are still resolved. */
export function literal(text: string): string {
  return text.replace(INTERPOLATION, "$$${").replaceAll("%{", "%%{");
}

/** Text as an HCL operand: a quoted string, or for a token the local `id`, which is made below `owner`. */
export function operand(owner: Construct, id: string, text: string): string {
  return Token.isUnresolved(text) ? local(new TerraformLocal(owner, id, literal(text))) : quoted(text);
}

/** Literal text without tokens as a quoted HCL string. */
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
