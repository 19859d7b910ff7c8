import { Token, Tokenization } from "cdktf";

/**
 * The one place where literals become OpenTofu templates.
 *
 * Every string in OpenTofu's JSON is a template, so a literal `${` or `%{` would be evaluated. Documents are therefore kept
 * as data in a local, with their literals escaped, and OpenTofu itself encodes them (yamlencode, jsonencode): no value is ever
 * pasted into text.
 */

// Tokens are written `${TfToken[TOKEN.7]}`; cdktf replaces them by references while it synthesizes.
const STRING_TOKEN = /(\$\{TfToken\[[\w.:-]+\]\})/;

/** Escapes the literal parts of a string, keeps its tokens. */
export function escapeString(text: string): string {
  return mapLiterals(text, escapeLiteral);
}

function mapLiterals(text: string, literal: (part: string) => string): string {
  if (!Token.isUnresolved(text)) return literal(text);
  const parts = text.split(STRING_TOKEN);
  return parts
    .map((part, index) => {
      if (STRING_TOKEN.test(part)) return part;
      // A sign right before a token's own `${` would escape that.
      const signs = index + 1 < parts.length ? (/[$%]+$/.exec(part)?.[0] ?? "") : "";
      return literal(part.slice(0, part.length - signs.length)) + asExpression(signs);
    })
    .join("");
}

/** Text of an expression's quoted string, evaluated where it stands. */
function asExpression(text: string): string {
  return text === "" ? "" : `\${"${text}"}`;
}

/** Escapes text that holds no tokens. */
export function escapeLiteral(text: string): string {
  // Behind a carriage return that ends no line OpenTofu takes the rest of a string as it stands: no value, no escape. As an
  // expression it does not, and takes the signs before it along, which would escape that expression.
  const escaped = text.replace(/[$%]*\r(?!\n)|[$%]\{/g, (found) =>
    found.endsWith("{") ? `${found.charAt(0)}${found}` : asExpression(found.replace("\r", "\\r")),
  );
  // OpenTofu takes a byte order mark at the beginning of a string for an encoding's, and drops it.
  return escaped.startsWith("\ufeff") ? asExpression("\ufeff") + escaped.slice(1) : escaped;
}

/** Escapes the strings of a document, keys included; tokens pass. Members that are undefined are left out. */
export function escapeDocument(value: unknown, literal: (part: string) => string = escapeLiteral): unknown {
  if (typeof value === "string") return mapLiterals(value, literal);
  if (value === null || typeof value !== "object" || Tokenization.isResolvable(value)) return value;
  if (Token.isUnresolved(value)) return value;
  if (Array.isArray(value)) return value.map((item) => escapeDocument(item, literal));
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([key, member]) => [escapeString(key), escapeDocument(member, literal)]));
}
