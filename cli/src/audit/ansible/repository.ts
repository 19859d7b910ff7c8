// What an Ansible repository has: roles by folder, and what requirements.yml brings.
import { join } from "node:path";
import { readText } from "../files";
import type { Repository } from "./context";
import { textOf, YamlFile, type Node } from "./document";

export function repositoryOf(root: string, paths: readonly string[]): Repository {
  const roles = new Set(paths.flatMap((one) => /(?:^|\/)roles\/([^/]+)\//.exec(one)?.[1] ?? []));
  // A role of its own is the repository's top.
  const lists = paths.filter((one) => /(^|\/)requirements\.ya?ml$/.test(one));
  const required = new Set<string>();
  const collections = new Set<string>();
  for (const path of lists) readRequirements(join(root, path), path, required, collections);
  return { root, files: new Set(paths), roles, required, collections, hasRequirements: lists.length > 0 };
}

function readRequirements(absolute: string, path: string, roles: Set<string>, collections: Set<string>): void {
  const read = readText(absolute, path, 256 * 1024);
  if ("problem" in read) return;
  const yaml = YamlFile.parse(path, read.text);
  const [document] = yaml.documents;
  const top = yaml.entries(document);
  const list = (key: string): readonly Node[] => yaml.items(top.find((one) => one.key === key)?.value);
  const asRoles = top.length === 0 ? yaml.items(document) : list("roles");
  for (const name of asRoles.flatMap((one) => namesOf(one, yaml))) roles.add(name);
  for (const name of list("collections").flatMap((one) => namesOf(one, yaml))) collections.add(name);
}

/** A requirement's name: its own, or the last part of its address. */
function namesOf(node: Node, yaml: YamlFile): string[] {
  const plain = textOf(node);
  if (plain !== undefined) return [plain];
  const entries = yaml.entries(node);
  const get = (key: string): string | undefined => textOf(entries.find((one) => one.key === key)?.value);
  const source = get("src");
  const fromSource = source
    ?.split("/")
    .at(-1)
    ?.replace(/\.git$/, "");
  return [get("name"), get("role"), source, fromSource].flatMap((one) => one ?? []);
}
