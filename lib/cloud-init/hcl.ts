import { createHash } from "node:crypto";
import { Lazy, TerraformLocal, TerraformStack, Token, Tokenization } from "cdktf";
import type { Construct } from "constructs";

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
  return text
    .split(STRING_TOKEN)
    .map((part) => (STRING_TOKEN.test(part) ? part : literal(part)))
    .join("");
}

function escapeLiteral(text: string): string {
  // Functions, because `$` has a meaning of its own in a replacement string.
  const escaped = text.replaceAll("${", () => "$${").replaceAll("%{", () => "%%{");
  // OpenTofu takes a byte order mark at the beginning of a string for an encoding's, and drops it.
  return escaped.startsWith("\ufeff") ? `\${"\ufeff"}${escaped.slice(1)}` : escaped;
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

/** A document kept as a local. */
export interface DocumentLocal {
  /** Its name in expressions, `local.NAME`; asked for at synthesis, when names are final. */
  readonly name: string;
}

/** Keeps a document as a local of the stack; long literals in it are shared with every other document of the stack. */
export function documentLocal(scope: Construct, id: string, document: unknown): DocumentLocal {
  const stack = TerraformStack.of(scope);
  return named(
    new TerraformLocal(
      scope,
      id,
      escapeDocument(document, (part) => shareLong(stack, part)),
    ),
  );
}

function named(local: TerraformLocal): DocumentLocal {
  return {
    get name(): string {
      return `local.${local.friendlyUniqueId}`;
    },
  };
}

// Below this a reference would be no shorter than the text.
const SHARE_FROM = 160;

// The agent, unit files, certificates and the seed script are the same for every VM of a stack: each stands there once.
function shareLong(stack: TerraformStack, literal: string): string {
  if (literal.length < SHARE_FROM) return escapeLiteral(literal);
  const id = `nexus-pull-text-${createHash("sha256").update(literal).digest("hex").slice(0, 16)}`;
  const existing = stack.node.tryFindChild(id) as TerraformLocal | undefined;
  const local = existing ?? new TerraformLocal(stack, id, escapeLiteral(literal));
  return hcl(() => named(local).name);
}

/** An OpenTofu expression as a string token; `expression` is asked for at synthesis, when names are final. */
export function hcl(expression: () => string): string {
  return Lazy.stringValue({ produce: () => `\${${expression()}}` });
}
