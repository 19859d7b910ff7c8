// OpenTofu code as rules see it, whichever syntax it was written in.
import type { Place } from "../types";

/** A reference to something: `proxmox_virtual_environment_vm.web[0].ipv4_addresses`. Indices are left out. */
export interface Reference extends Place {
  readonly path: readonly string[];
}

/** The value of an argument. */
export interface Expression extends Place {
  /** As written. */
  readonly source: string;
  /** Text of the templates in it, with `${...}` left as written; the parts of a list on lines of their own. */
  readonly text: string;
  readonly references: readonly Reference[];
  /** Its value where it is a plain text, number, truth or null. */
  readonly literal?: string | number | boolean | null;
  /** The elements of a list that is written out. */
  readonly elements?: readonly Expression[];
  /** The entries of a map that is written out. */
  readonly entries?: ReadonlyMap<string, Expression>;
}

export interface Attribute extends Place {
  readonly name: string;
  readonly value: Expression;
}

export interface Block extends Place {
  readonly type: string;
  readonly labels: readonly string[];
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
}

/** What a file comes to. */
export interface ParsedFile {
  readonly blocks: readonly Block[];
  /** Arguments at the top, as in a .tfvars file. */
  readonly attributes: readonly Attribute[];
  readonly errors: readonly (Place & { readonly message: string })[];
}

export function attribute(block: Block, name: string): Attribute | undefined {
  return block.attributes.find((one) => one.name === name);
}

export function nested(block: Block, type: string): Block[] {
  return block.blocks.flatMap((one) => {
    if (one.type === type) return [one];
    // dynamic "disk" { content { ... } } stands for blocks of type disk.
    if (one.type === "dynamic" && one.labels[0] === type) return one.blocks.filter((inner) => inner.type === "content");
    return [];
  });
}

/** A block and all blocks in it; `parents` from the outermost. */
export function* everyBlock(
  blocks: readonly Block[],
  parents: readonly Block[] = [],
): Generator<[Block, readonly Block[]]> {
  for (const block of blocks) {
    yield [block, parents];
    yield* everyBlock(block.blocks, [...parents, block]);
  }
}

/** Every argument in a block, however deep. */
export function* everyAttribute(block: Block): Generator<Attribute> {
  yield* block.attributes;
  for (const inner of block.blocks) yield* everyAttribute(inner);
}

/** The address of a resource or data source in its module; undefined for other blocks. */
export function addressOf(block: Block): string | undefined {
  const [type, name] = block.labels;
  if (type === undefined || name === undefined) return undefined;
  if (block.type === "resource") return `${type}.${name}`;
  return block.type === "data" ? `data.${type}.${name}` : undefined;
}
