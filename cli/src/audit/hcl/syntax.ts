// HCL's own syntax, by the tree-sitter grammar: positions, and a tree also for a file that is broken.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Language, Parser, type Node } from "web-tree-sitter";
import type { Place } from "../types";
import { expressionOf } from "./expressions";
import type { Attribute, Block, ParsedFile } from "./tree";

/** Blocks in blocks: OpenTofu's own schemas need no more than six. */
const DEEPEST = 64;
const LONGEST_PARSE_MS = 10_000;

/** Where the WebAssembly files are: beside the bundle, else in the packages. */
function wasm(name: "web-tree-sitter.wasm" | "tree-sitter-hcl.wasm"): string {
  const bundled = process.env.NEXUS_PULL_WASM ?? (typeof BUNDLE_FOLDER === "string" ? BUNDLE_FOLDER : undefined);
  if (bundled !== undefined) return join(bundled, name);
  const load = createRequire(__filename);
  if (name === "web-tree-sitter.wasm") return load.resolve(`web-tree-sitter/${name}`);
  return join(dirname(load.resolve("@tree-sitter-grammars/tree-sitter-hcl/package.json")), name);
}

declare const BUNDLE_FOLDER: string | undefined;

/** Parses text; one instance serves a whole audit. */
export class HclSyntax {
  private constructor(private readonly parser: Parser) {}

  public static async load(): Promise<HclSyntax> {
    const runtime = readFileSync(wasm("web-tree-sitter.wasm"));
    await Parser.init({ wasmBinary: runtime });
    const parser = new Parser();
    parser.setLanguage(await Language.load(new Uint8Array(readFileSync(wasm("tree-sitter-hcl.wasm")))));
    return new HclSyntax(parser);
  }

  /** Never throws for what the text says. */
  public parse(text: string, file: string): ParsedFile {
    const started = performance.now();
    const late = (): boolean => performance.now() - started > LONGEST_PARSE_MS;
    // The grammar, unlike OpenTofu, knows neither a byte-order mark nor a lone carriage return.
    const tree = this.parser.parse(text.replace(/^\ufeff/, " "), null, { progressCallback: () => late() });
    if (tree === null) {
      this.parser.reset();
      return {
        blocks: [],
        attributes: [],
        errors: [{ file, line: 1, column: 1, message: "it takes too long to parse" }],
      };
    }
    try {
      return new Reader(file).read(tree.rootNode);
    } finally {
      tree.delete();
    }
  }

  /** The expression of a JSON template (`"${...}"`), with all places at the given one. */
  public template(text: string, place: Place): Attribute["value"] {
    const literal = { ...place, source: text, text, references: [] };
    if (!text.includes("${") && !text.includes("%{")) return { ...literal, literal: text };
    const escaped = text.replace(/"(?![^{]*})/g, "'");
    const { attributes } = this.parse(`x = "${escaped.replace(/[\r\n]+/g, " ")}"`, place.file);
    const references = attributes[0]?.value.references.map((one) => ({ ...one, ...place })) ?? [];
    return { ...literal, references };
  }
}

class Reader {
  private readonly errors: (Place & { message: string })[] = [];

  public constructor(private readonly file: string) {}

  public read(root: Node): ParsedFile {
    if (root.hasError) this.findErrors(root);
    const bodies = root.type === "body" ? [root] : root.namedChildren.flatMap((one) => (one === null ? [] : [one]));
    const contents = bodies.map((body) => this.body(body, 0));
    return {
      blocks: contents.flatMap((one) => one.blocks),
      attributes: contents.flatMap((one) => one.attributes),
      errors: this.errors,
    };
  }

  private place(node: Node): Place {
    return { file: this.file, line: node.startPosition.row + 1, column: node.startPosition.column + 1 };
  }

  private findErrors(root: Node): void {
    const cursor = root.walk();
    for (let more = true; more && this.errors.length < 10;) {
      if (cursor.nodeType === "ERROR" || cursor.nodeIsMissing) {
        this.errors.push({ ...this.place(cursor.currentNode), message: "this is not valid HCL" });
        more = cursor.gotoNextSibling();
      } else {
        more = cursor.gotoFirstChild() || cursor.gotoNextSibling();
      }
      while (!more && cursor.gotoParent()) more = cursor.gotoNextSibling();
    }
    cursor.delete();
  }

  private body(body: Node, depth: number): { readonly blocks: Block[]; readonly attributes: Attribute[] } {
    const blocks: Block[] = [];
    const attributes: Attribute[] = [];
    // What stands in an ERROR node still parses in parts: what it configures must not go unseen.
    const open = [body];
    while (open.length > 0) {
      for (const node of open.pop()!.namedChildren) {
        if (node === null) continue;
        if (node.type === "block") blocks.push(...this.block(node, depth));
        else if (node.type === "attribute") attributes.push(...this.attribute(node));
        else if (node.type === "ERROR" || node.type === "body") open.push(node);
      }
    }
    return { blocks, attributes };
  }

  private block(node: Node, depth: number): Block[] {
    if (depth >= DEEPEST) {
      this.errors.push({ ...this.place(node), message: `blocks are nested deeper than ${DEEPEST}` });
      return [];
    }
    const children = node.namedChildren.flatMap((one) => (one === null ? [] : [one]));
    const [type, ...labels] = children.filter((one) => one.type === "identifier" || one.type === "string_lit");
    if (type === undefined) return [];
    const body = children.find((one) => one.type === "body");
    const content = body === undefined ? { blocks: [], attributes: [] } : this.body(body, depth + 1);
    return [{ type: type.text, labels: labels.map(label), ...content, ...this.place(node) }];
  }

  private attribute(node: Node): Attribute[] {
    const [name, value] = [node.namedChild(0), node.namedChildren.find((one) => one?.type === "expression")];
    if (name?.type !== "identifier" || value === undefined || value === null) return [];
    return [{ name: name.text, value: expressionOf(value, this.file), ...this.place(node) }];
  }
}

function label(node: Node): string {
  return node.type === "identifier" ? node.text : node.text.replace(/^"|"$/g, "");
}
