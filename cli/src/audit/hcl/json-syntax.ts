// OpenTofu's JSON syntax, brought to the same tree. Without a provider's schema an object may be a block or a value:
// it is given as both, and rules look at the one that they know.
import { parseTree, type Node, type ParseError, printParseErrorCode } from "jsonc-parser";
import { Lines } from "../lines";
import type { Place } from "../types";
import type { HclSyntax } from "./syntax";
import type { Attribute, Block, Expression, ParsedFile } from "./tree";

const DEEPEST = 64;

/** How many labels the blocks at the top have. */
const LABELS: Readonly<Record<string, number>> = {
  resource: 2,
  data: 2,
  ephemeral: 2,
  module: 1,
  provider: 1,
  variable: 1,
  output: 1,
  terraform: 0,
  locals: 0,
  import: 0,
  removed: 0,
  moved: 0,
  provisioner: 1,
  dynamic: 1,
};

export function parseJsonSyntax(text: string, file: string, hcl: HclSyntax): ParsedFile {
  return new JsonReader(text, file, hcl).read();
}

class JsonReader {
  private readonly lines: Lines;
  private readonly errors: (Place & { message: string })[] = [];

  public constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly hcl: HclSyntax,
  ) {
    this.lines = new Lines(text);
  }

  public read(): ParsedFile {
    const problems: ParseError[] = [];
    let root: Node | undefined;
    try {
      root = parseTree(this.text, problems, { allowTrailingComma: false, disallowComments: true });
    } catch (error) {
      // jsonc-parser recurses: a text of a million brackets ends its stack.
      if (!(error instanceof RangeError)) throw error;
      return { blocks: [], attributes: [], errors: [{ ...this.place(0), message: "it is nested too deeply" }] };
    }
    for (const { error, offset } of problems.slice(0, 10)) {
      this.errors.push({ ...this.place(offset), message: `not valid JSON: ${printParseErrorCode(error)}` });
    }
    const blocks = root === undefined ? [] : properties(root).flatMap(([name, value]) => this.blocks(name, value, 0));
    const attributes = root === undefined ? [] : properties(root).map((one) => this.attribute(...one));
    return { blocks, attributes, errors: this.errors };
  }

  private place(offset: number): Place {
    return { file: this.file, ...this.lines.at(offset) };
  }

  private blocks(type: string, value: Node, depth: number): Block[] {
    const labels = depth === 0 || type === "provisioner" || type === "dynamic" ? (LABELS[type] ?? 0) : 0;
    return this.labelled(type, [], value, labels, depth);
  }

  private labelled(type: string, labels: readonly string[], value: Node, missing: number, depth: number): Block[] {
    if (value.type === "array") {
      return (value.children ?? []).flatMap((one) => this.labelled(type, labels, one, missing, depth));
    }
    if (value.type !== "object") return [];
    if (missing > 0) {
      return properties(value).flatMap(([name, inner]) =>
        this.labelled(type, [...labels, name], inner, missing - 1, depth),
      );
    }
    if (depth >= DEEPEST) {
      this.errors.push({ ...this.place(value.offset), message: `blocks are nested deeper than ${DEEPEST}` });
      return [];
    }
    const inside = properties(value).filter(([name]) => name !== "//");
    return [
      {
        type,
        labels,
        attributes: inside.map(([name, inner]) => this.attribute(name, inner)),
        blocks: inside.flatMap(([name, inner]) => this.blocks(name, inner, depth + 1)),
        ...this.place(keyOffset(value)),
      },
    ];
  }

  private attribute(name: string, value: Node): Attribute {
    return { name, value: this.expression(value, 0), ...this.place(keyOffset(value)) };
  }

  private expression(node: Node, depth: number): Expression {
    const place = this.place(node.offset);
    const source = this.text.slice(node.offset, node.offset + node.length);
    if (node.type === "string") {
      return { ...this.hcl.template(String(node.value), place), source };
    }
    const children =
      depth > DEEPEST ? [] : node.type === "array" ? (node.children ?? []) : properties(node).map(([, one]) => one);
    const parts = children.map((one) => this.expression(one, depth + 1));
    return {
      ...place,
      source,
      text: parts.map((one) => one.text).join("\n"),
      references: parts.flatMap((one) => one.references),
      literal: children.length === 0 ? (node.value as Expression["literal"]) : undefined,
      elements: node.type === "array" ? parts : undefined,
      entries:
        node.type === "object" ? new Map(properties(node).map(([key], index) => [key, parts[index]!])) : undefined,
    };
  }
}

/** Where the key stands whose value this is; the value itself in a list. */
function keyOffset(value: Node): number {
  return value.parent?.type === "property" ? (value.parent.children?.[0]?.offset ?? value.offset) : value.offset;
}

function properties(node: Node): [string, Node][] {
  if (node.type !== "object") return [];
  return (node.children ?? []).flatMap((one): [string, Node][] => {
    const [key, value] = one.children ?? [];
    return key === undefined || value === undefined ? [] : [[String(key.value), value]];
  });
}
