// YAML with positions. Nothing is ever turned into plain objects: aliases can make those exponentially large.
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { Place } from "../types";

export { isMap, isScalar, isSeq };
export type { Node, YAMLMap };

/** One key of a mapping. */
export interface Entry extends Place {
  readonly key: string;
  readonly value: Node | null;
}

export interface YamlError extends Place {
  readonly message: string;
}

/** Nesting beyond this is no playbook; recursion must end somewhere. */
export const DEEPEST = 60;
/** Indicators that open a collection, counted before the parser, which recurses, sees them. */
const MOST_NESTED = 500;

export class YamlFile {
  private constructor(
    public readonly path: string,
    public readonly text: string,
    public readonly documents: readonly Node[],
    public readonly errors: readonly YamlError[],
    private readonly counter: LineCounter,
    private readonly anchors: ReadonlyMap<string, Node>,
  ) {}

  public static parse(path: string, text: string): YamlFile {
    const counter = new LineCounter();
    const start = { file: path, line: 1, column: 1 };
    if (nesting(text) > MOST_NESTED) return empty(path, text, { ...start, message: "it is nested too deeply" });
    let parsed: readonly Document.Parsed[];
    try {
      const options = { lineCounter: counter, uniqueKeys: false, strict: false, logLevel: "silent" as const };
      const all = parseAllDocuments(text, { ...options, prettyErrors: false });
      parsed = Array.isArray(all) ? (all as Document.Parsed[]) : [];
    } catch (error) {
      return empty(path, text, {
        ...start,
        message: error instanceof RangeError ? "it is nested too deeply" : "it cannot be parsed",
      });
    }
    const errors = parsed
      .flatMap((one) => one.errors)
      .map((error) => {
        // What ends in the middle of something has its error behind the last line.
        const { line, col } = counter.linePos(Math.min(error.pos[0], text.trimEnd().length));
        return { file: path, line: Math.max(1, line), column: Math.max(1, col), message: error.message };
      });
    const documents = parsed.flatMap((one) => (one.contents === null ? [] : [one.contents as Node]));
    const anchors = new Map<string, Node>();
    for (const one of documents) collectAnchors(one, anchors, 0);
    return new YamlFile(path, text, documents, errors, counter, anchors);

    function empty(file: string, content: string, error: YamlError): YamlFile {
      return new YamlFile(file, content, [], [error], counter, new Map());
    }
  }

  private readonly visits = new Map<string, WeakSet<object>>();

  /** Whether a rule comes to a node for the first time: aliases lead to one node on exponentially many ways. */
  public firstVisit(rule: string, node: Node): boolean {
    const seen = this.visits.get(rule) ?? new WeakSet();
    this.visits.set(rule, seen);
    if (seen.has(node)) return false;
    seen.add(node);
    return true;
  }

  public place(node: Node | Pair | null | undefined): Place {
    const range = (isPair(node) ? (node.key as Node).range : node?.range) ?? [0];
    return this.at(range[0]);
  }

  public at(offset: number): Place {
    const { line, col } = this.counter.linePos(offset);
    return { file: this.path, line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The node itself, or what an alias stands for. */
  public resolve(node: unknown): Node | null {
    if (isAlias(node)) return this.anchors.get(node.source) ?? null;
    return (node as Node | null | undefined) ?? null;
  }

  /** The keys of a mapping with their places, those of merged mappings (`<<`) after its own. */
  public entries(node: unknown): Entry[] {
    const found: Entry[] = [];
    this.collect(node, found, new Set());
    return found;
  }

  private collect(node: unknown, found: Entry[], merged: Set<Node>): void {
    const map = this.resolve(node);
    if (!isMap(map) || merged.has(map)) return;
    merged.add(map);
    const later: unknown[] = [];
    for (const pair of map.items) {
      const key = this.resolve(pair.key);
      if (!isScalar(key)) continue;
      const name = String(key.value);
      if (name === "<<") later.push(pair.value);
      else found.push({ key: name, value: this.resolve(pair.value), ...this.place(key) });
    }
    for (const value of later) {
      const one = this.resolve(value);
      for (const inner of isSeq(one) ? one.items : [one]) this.collect(inner, found, merged);
    }
  }

  public items(node: unknown): Node[] {
    const list = this.resolve(node);
    return isSeq(list) ? list.items.flatMap((one) => this.resolve(one) ?? []) : [];
  }

  /** A scalar's source as it stands in the file, with the offset at which it starts. */
  public source(node: Scalar): { readonly text: string; readonly offset: number } {
    const [start, end] = node.range ?? [0, 0];
    return { text: this.text.slice(start, end), offset: start };
  }
}

function collectAnchors(node: unknown, anchors: Map<string, Node>, depth: number): void {
  if (depth > DEEPEST || node === null || node === undefined) return;
  const named = node as Node & { anchor?: string };
  if (typeof named.anchor === "string") anchors.set(named.anchor, named);
  if (isMap(node)) {
    for (const pair of node.items) collectAnchors(pair.value, anchors, depth + 1);
  } else if (isSeq(node)) {
    for (const one of node.items) collectAnchors(one, anchors, depth + 1);
  }
}

/** An upper bound of the nesting, without parsing: open brackets, and the deepest chain of dashes and question marks. */
function nesting(text: string): number {
  let [open, most] = [0, 0];
  for (const char of text) {
    if (char === "[" || char === "{") most = Math.max(most, ++open);
    else if ((char === "]" || char === "}") && open > 0) open--;
  }
  for (const line of text.split("\n")) {
    const dashes = /^[\s\-?]*/.exec(line)?.[0] ?? "";
    most = Math.max(most, dashes.replace(/[^-?]/g, "").length, dashes.length / 2);
  }
  return most;
}

/** A scalar's text; undefined for anything else. */
export function textOf(node: Node | null | undefined): string | undefined {
  return isScalar(node) && node.value !== null && node.value !== undefined ? String(node.value) : undefined;
}

/** Whether YAML 1.1, which Ansible reads, takes it for true; a template may be either. */
export function mayBeTrue(node: Node | null | undefined): boolean {
  const text = textOf(node);
  if (text === undefined) return false;
  return !/^(false|no|off|0|n|f|)$/i.test(text.trim());
}
