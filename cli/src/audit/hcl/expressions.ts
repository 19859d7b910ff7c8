// The grammar's expressions, reduced to what rules ask: texts, references, written-out lists and maps.
import type { Node } from "web-tree-sitter";
import type { Expression, Reference } from "./tree";

/** Deeper nodes are left alone: no expression that people write gets there, and recursion must end. */
const DEEPEST = 200;
const MOST_REFERENCES = 2000;

export function expressionOf(node: Node, file: string): Expression {
  const found = { references: [] as Reference[], texts: [] as string[] };
  collect(node, file, found, 0);
  const inner = unwrap(node);
  const elements = inner.type === "tuple" ? namedOf(inner).filter((one) => one.type === "expression") : undefined;
  return {
    ...placeOf(node, file),
    source: node.text,
    text: found.texts.join(inner.type === "tuple" ? "\n" : " "),
    references: found.references,
    literal: literalOf(inner),
    elements: elements?.slice(0, 1000).map((one) => expressionOf(one, file)),
    entries: inner.type === "object" ? entriesOf(inner, file) : undefined,
  };
}

const placeOf = (node: Node, file: string) => ({
  file,
  line: node.startPosition.row + 1,
  column: node.startPosition.column + 1,
});

const namedOf = (node: Node): Node[] => node.namedChildren.flatMap((one) => (one === null ? [] : [one]));

/** Parentheses and wrapper nodes with one child. */
function unwrap(node: Node): Node {
  let inner = node;
  while (["expression", "literal_value", "collection_value", "template_expr"].includes(inner.type)) {
    const children = namedOf(inner);
    if (children.length !== 1) return inner;
    inner = children[0]!;
  }
  return inner;
}

function entriesOf(object: Node, file: string): Map<string, Expression> {
  const entries = new Map<string, Expression>();
  for (const element of namedOf(object).slice(0, 1000)) {
    const key = element.childForFieldName("key");
    const value = element.childForFieldName("val");
    if (key !== null && value !== null) entries.set(key.text.replace(/^"|"$/g, ""), expressionOf(value, file));
  }
  return entries;
}

function literalOf(node: Node): string | number | boolean | null | undefined {
  switch (node.type) {
    case "null_lit":
      return null;
    case "bool_lit":
      return node.text === "true";
    case "numeric_lit":
      return Number(node.text);
    case "string_lit":
    case "quoted_template":
    case "heredoc_template":
      return namedOf(node).some((one) => /interpolation|directive/.test(one.type)) ? undefined : templateText(node);
    default:
      return undefined;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** The source between the marks: the grammar's literal nodes lose the blanks beside an interpolation. */
function templateText(node: Node): string {
  const plain = node.type === "heredoc_template" ? heredocText(node.text) : unescaped(node.text.slice(1, -1));
  return plain.replaceAll("$${", "${").replaceAll("%%{", "%{");
}

function unescaped(text: string): string {
  return text.replace(/\\([nrt"\\])/g, (_, code: string) => ESCAPES[code] ?? "");
}

function heredocText(source: string): string {
  const lines = source.split(/\r?\n/);
  const body = lines.slice(1, -1);
  if (!source.startsWith("<<-")) return `${body.join("\n")}\n`;
  const indents = body.filter((one) => one.trim() !== "").map((one) => one.length - one.trimStart().length);
  const least = Math.min(...indents, 1000);
  return `${body.map((one) => one.slice(least)).join("\n")}\n`;
}

interface Found {
  readonly references: Reference[];
  readonly texts: string[];
}

const TEMPLATES = new Set(["string_lit", "quoted_template", "heredoc_template"]);

function collect(node: Node, file: string, found: Found, depth: number): void {
  if (depth > DEEPEST || found.references.length > MOST_REFERENCES) return;
  if (TEMPLATES.has(node.type)) found.texts.push(templateText(node));
  const children = namedOf(node);
  let path: string[] | undefined;
  let start: Node | undefined;
  const finish = (): void => {
    if (path !== undefined && start !== undefined) found.references.push({ path, ...placeOf(start, file) });
    path = start = undefined;
  };
  for (const child of children) {
    if (child.type === "variable_expr") {
      finish();
      path = [child.text];
      start = child;
    } else if (child.type === "get_attr") {
      // Of a call's or a bracket's result: its head is unknown, its name is still telling.
      start ??= child;
      (path ??= ["?"]).push(child.text.replace(/^\./, "").trim());
    } else if (child.type === "splat") {
      start ??= child;
      (path ??= ["?"]).push(...attributesIn(child));
      collect(child, file, found, depth + 1);
    } else if (child.type === "index") {
      collect(child, file, found, depth + 1);
    } else {
      finish();
      collect(child, file, found, depth + 1);
    }
  }
  finish();
}

/** The names after a splat: `[*].ipv4_addresses`. */
function attributesIn(splat: Node): string[] {
  return splat
    .descendantsOfType("get_attr")
    .flatMap((one) => (one === null ? [] : [one.text.replace(/^\./, "").trim()]));
}
