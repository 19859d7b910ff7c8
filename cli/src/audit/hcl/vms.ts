// Which machines the code has, and which push resources configure each: by references, through locals.
import type { AuditedVm } from "../types";
import { ANSIBLE_TYPES, NAVIGATOR_TYPES, VM_TYPES, WRAPPERS } from "./known-types";
import { addressOf, everyAttribute, everyBlock, type Block, type Reference } from "./tree";

export function machinesOf(blocks: readonly Block[], prefix: string): AuditedVm[] {
  const machines = blocks.filter((one) => one.type === "resource" && VM_TYPES.has(one.labels[0] ?? ""));
  const pushers = blocks.filter((one) => one.type === "resource" && isPusher(one));
  const targets = new Map(pushers.map((one) => [addressOf(one)!, reached(one, blocks)]));
  return machines.map(({ file, line, column, labels, ...block }) => {
    const address = labels.slice(0, 2).join(".");
    const by = [...targets].filter(([, reach]) => reach.has(address)).map(([pusher]) => prefix + pusher);
    const own = block.blocks.some((one) => one.type === "provisioner")
      ? [`${prefix}${address} (its provisioners)`]
      : [];
    const base = { file, line, column, address: prefix + address, type: labels[0]! };
    return { ...base, fromState: false, configuredBy: [...own, ...by] };
  });
}

function isPusher(block: Block): boolean {
  const type = block.labels[0] ?? "";
  if (NAVIGATOR_TYPES.test(type) || ANSIBLE_TYPES.test(type)) return true;
  return WRAPPERS.has(type) && [...everyBlock(block.blocks)].some(([one]) => one.type === "provisioner");
}

/** The addresses that a block refers to, through locals and other resources that only carry a reference on. */
function reached(block: Block, blocks: readonly Block[]): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const open = [block];
  while (open.length > 0 && seen.size < 1000) {
    for (const { path } of referencesOf(open.pop()!)) {
      const [head = "", name = ""] = path;
      const key = `${head}.${name}`;
      if (seen.has(key)) continue;
      seen.add(key);
      if (VM_TYPES.has(head)) found.add(key);
      else if (head === "local") open.push(...localBlocks(blocks, name));
      else open.push(...blocks.filter((one) => addressOf(one) === key && !VM_TYPES.has(head)));
    }
  }
  return found;
}

function referencesOf(block: Block): Reference[] {
  return [...everyAttribute(block)].flatMap((one) => one.value.references);
}

function localBlocks(blocks: readonly Block[], name: string): Block[] {
  return blocks
    .filter((one) => one.type === "locals")
    .flatMap((one) =>
      one.attributes
        .filter((local) => local.name === name)
        .map((local) => ({ ...one, attributes: [local], blocks: [] })),
    );
}
