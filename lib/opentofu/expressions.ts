import { Lazy, type TerraformElement, TerraformLocal, Token } from "cdktf";
import type { Construct } from "constructs";
import { escapeLiteral, escapeString } from "./literals";

// Expressions are written as OpenTofu's own text instead of with Fn.*, which renders literals with quotes or `%{` invalid.
// No token ever stands inside such text: within `${` cdktf drops a token's braces, which inside a quoted string turns a
// reference into its own name. A token gets a local, see operand().

/** Wraps an expression so that it is evaluated where a string stands in the JSON. */
export function expression(text: string): string {
  return `\${${text}}`;
}

/** The same as a token; `text` is asked for at synthesis, when names are final. */
export function lazyExpression(text: () => string): string {
  return Lazy.stringValue({ produce: () => expression(text()) });
}

/** An operand as a string of the JSON; simple text stays readable. */
export function template(operandText: string): string {
  return /^"[^"\\]*"$/.test(operandText) ? operandText.slice(1, -1) : expression(operandText);
}

/** Text as an operand: a quoted string, or for a token the local `id`, which is made below `owner`. */
export function operand(owner: Construct, id: string, text: string): string {
  return Token.isUnresolved(text) ? local(new TerraformLocal(owner, id, escapeString(text))) : quoted(text);
}

/** Literal text without tokens as a quoted string of an expression. */
export function quoted(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escapeLiteral(escaped)}"`;
}

/** Name of a local, to be used inside an expression. */
export function local(element: TerraformElement): string {
  return `local.${element.friendlyUniqueId}`;
}
