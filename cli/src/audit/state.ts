// What a state says: `tofu state list`, `tofu show -json`, or a state file. Which machines there are, and what configures them.
import { parseTree, type Node } from "jsonc-parser";
import { basename } from "node:path";
import type { Findings } from "./findings";
import { ANSIBLE_TYPES, NAVIGATOR_TYPES, VM_TYPES } from "./hcl/known-types";
import { Lines } from "./lines";
import type { Place } from "./types";

const STATE_FILE = /\.tfstate(\.backup)?$/;
const ADDRESS = /^(module\.[\w-]+(\[[^\]]*\])?\.)*(data\.)?[a-z][\w-]*\.[\w-]+(\[[^\]]*\])?$/;

/** A resource instance with all that the state knows of it. */
export interface StateInstance extends Place {
  readonly address: string;
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Whether a file may be a state, by its name or its first bytes. */
export function looksLikeState(file: string, text: string): boolean {
  if (STATE_FILE.test(file)) return true;
  if (/\.json$/.test(file)) {
    const head = text.slice(0, 2000);
    return (
      /"(format_version|serial)"\s*:/.test(head) &&
      /"(values|planned_values|resources|terraform_version)"\s*:/.test(text)
    );
  }
  return /(^|[.-])(state|addresses)[\w-]*\.(txt|list|out)$/.test(basename(file)) && isStateList(text);
}

export function isStateList(text: string): boolean {
  const lines = text.split(/\r?\n/).filter((one) => one.trim() !== "");
  return lines.length > 0 && lines.every((one) => ADDRESS.test(one.trim()));
}

/** Reads a state of any of the three shapes, and notes what it says of push. */
export function readState(text: string, file: string, findings: Findings): StateInstance[] {
  const instances = isStateList(text) ? fromList(text, file) : fromJson(text, file, findings);
  for (const one of instances) {
    if (NAVIGATOR_TYPES.test(one.type)) findings.add("ansible_navigator_run", one, `${one.address} in the state`);
    else if (ANSIBLE_TYPES.test(one.type)) findings.add("ansible_provider", one, `${one.address} in the state`);
    if (!VM_TYPES.has(one.type)) continue;
    const { file: where, line, column, address, type } = one;
    findings.vms.push({ file: where, line, column, address, type, fromState: true, configuredBy: [] });
  }
  return instances;
}

function fromList(text: string, file: string): StateInstance[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const address = raw.trim();
    return address === "" ? [] : [{ address, type: typeIn(address), values: {}, file, line: index + 1, column: 1 }];
  });
}

/** "data" for a data source, which configures nothing. */
function typeIn(address: string): string {
  const own = address.replace(/^(module\.[\w-]+(\[[^\]]*\])?\.)+/, "");
  return own.split(".")[0] ?? "";
}

function fromJson(text: string, file: string, findings: Findings): StateInstance[] {
  let root: Node | undefined;
  try {
    root = parseTree(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  if (root === undefined || root.type !== "object") {
    findings.add("file_syntax", { file, line: 1, column: 1 }, "not a state: it is no JSON object");
    return [];
  }
  const lines = new Lines(text);
  const place = (node: Node): Place => ({ file, ...lines.at(node.offset) });
  const resources = member(root, "resources");
  if (resources?.type === "array") return (resources.children ?? []).flatMap((one) => ofStateFile(one, place));
  const module = member(member(root, "values") ?? member(root, "planned_values") ?? root, "root_module");
  return module === undefined ? [] : ofShownModule(module, place, 0);
}

function member(node: Node | undefined, name: string): Node | undefined {
  if (node?.type !== "object") return undefined;
  return node.children?.find((one) => one.children?.[0]?.value === name)?.children?.[1];
}

const textOf = (node: Node | undefined): string => (typeof node?.value === "string" ? node.value : "");

/** One entry of a state file (version 4): a resource with its instances. */
function ofStateFile(resource: Node, place: (node: Node) => Place): StateInstance[] {
  if (textOf(member(resource, "mode")) !== "managed") return [];
  const type = textOf(member(resource, "type"));
  const module = textOf(member(resource, "module"));
  const base = `${module === "" ? "" : `${module}.`}${type}.${textOf(member(resource, "name"))}`;
  const where = member(resource, "type") ?? resource;
  return (member(resource, "instances")?.children ?? []).map((one) => {
    const key = member(one, "index_key")?.value as string | number | undefined;
    const address = key === undefined ? base : `${base}[${JSON.stringify(key)}]`;
    return { address, type, values: valuesOf(member(one, "attributes")), ...place(where) };
  });
}

/** A module of `tofu show -json`. */
function ofShownModule(module: Node, place: (node: Node) => Place, depth: number): StateInstance[] {
  if (depth > 50) return [];
  const own = (member(module, "resources")?.children ?? []).flatMap((one) => {
    if (textOf(member(one, "mode")) === "data") return [];
    const address = member(one, "address");
    return [
      {
        address: textOf(address),
        type: textOf(member(one, "type")),
        values: valuesOf(member(one, "values")),
        ...place(address ?? one),
      },
    ];
  });
  const inner = member(module, "child_modules")?.children ?? [];
  return [...own, ...inner.flatMap((one) => ofShownModule(one, place, depth + 1))];
}

function valuesOf(node: Node | undefined): Record<string, unknown> {
  if (node?.type !== "object") return {};
  return toValue(node, 0) as Record<string, unknown>;
}

function toValue(node: Node, depth: number): unknown {
  if (depth > 50) return undefined;
  if (node.type === "array") return (node.children ?? []).map((one) => toValue(one, depth + 1));
  if (node.type !== "object") return node.value;
  const pairs = (node.children ?? []).flatMap((one): [string, unknown][] => {
    const [key, value] = one.children ?? [];
    return key === undefined || value === undefined ? [] : [[String(key.value), toValue(value, depth + 1)]];
  });
  return Object.fromEntries(pairs);
}
