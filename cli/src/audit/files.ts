// Reads a tree that may be hostile: bounded, links are not followed out of it, nothing but regular files is opened.
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync,
  constants,
} from "node:fs";
import { join, relative, sep } from "node:path";
import type { Findings } from "./findings";

const MOST_FILES = 20_000;
const DEEPEST = 40;
/** Folders that hold somebody else's code or none. */
const NOT_WALKED = new Set([
  ...[".git", ".hg", ".svn", "node_modules", ".terraform", ".venv", "venv", "__pycache__", ".cache", ".tox"],
  ...["ansible_collections", "molecule", ".github", "cdktf.out", ".molecule"],
]);

export interface TextFile {
  /** Path for people: relative to the audited folder. */
  readonly path: string;
  readonly absolute: string;
  readonly text: string;
  readonly executable: boolean;
}

export type ReadResult =
  TextFile | { readonly problem: "unreadable" | "too_large" | "binary"; readonly detail: string };

/** Reads one file as UTF-8 text of at most `limit` bytes. */
export function readText(absolute: string, path: string, limit: number): ReadResult {
  let handle: number | undefined;
  try {
    // Non-blocking: a FIFO that nobody writes to would hold the audit for ever.
    handle = openSync(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(handle);
    if (!stat.isFile()) return { problem: "unreadable", detail: "it is not a regular file" };
    if (stat.size > limit) return { problem: "too_large", detail: `${stat.size} bytes, at most ${limit} are read` };
    const bytes = readWhole(handle, limit);
    if (bytes.includes(0)) return { problem: "binary", detail: "it has NUL bytes in it" };
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { path, absolute, text, executable: (stat.mode & 0o111) !== 0 };
  } catch (error) {
    const detail = error instanceof TypeError ? "it is not UTF-8" : ((error as NodeJS.ErrnoException).code ?? "error");
    return { problem: "unreadable", detail };
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function readWhole(handle: number, limit: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total <= limit) {
    const chunk = Buffer.alloc(65_536);
    const count = readSync(handle, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

export interface Walk {
  readonly root: string;
  /** Relative paths with forward slashes. */
  readonly files: readonly string[];
}

/** All regular files under the folder (or the one file), in a stable order. */
export function walk(path: string, findings: Findings): Walk {
  const root = realpathSync(path);
  if (statSync(root).isFile()) {
    const folder = join(root, "..");
    return { root: folder, files: [relative(folder, root)] };
  }
  const files: string[] = [];
  const open: { readonly folder: string; readonly depth: number }[] = [{ folder: "", depth: 0 }];
  while (open.length > 0) {
    const { folder, depth } = open.pop()!;
    for (const name of names(root, folder, findings)) {
      const one = folder === "" ? name : `${folder}/${name}`;
      const kind = kindOf(root, one, findings);
      if (kind === "file") files.push(one);
      if (kind !== "folder" || NOT_WALKED.has(name)) continue;
      if (depth < DEEPEST) open.push({ folder: one, depth: depth + 1 });
      else findings.add("too_much", at(one), `folders nested deeper than ${DEEPEST}`);
    }
    if (files.length > MOST_FILES) {
      findings.add("too_much", at(folder === "" ? "." : folder), `more than ${MOST_FILES} files`);
      break;
    }
  }
  return { root, files: files.slice(0, MOST_FILES).sort() };
}

const at = (file: string) => ({ file, line: 1, column: 1 });

function names(root: string, folder: string, findings: Findings): string[] {
  try {
    return readdirSync(join(root, folder)).sort().reverse();
  } catch (error) {
    findings.add("file_unreadable", at(folder === "" ? "." : folder), (error as NodeJS.ErrnoException).code ?? "error");
    return [];
  }
}

function kindOf(root: string, path: string, findings: Findings): "file" | "folder" | "other" {
  const absolute = join(root, path);
  try {
    const stat = lstatSync(absolute);
    if (stat.isFile()) return "file";
    if (stat.isDirectory()) return "folder";
    if (!stat.isSymbolicLink()) return "other";
    return kindOfLink(root, path, findings);
  } catch {
    return "other";
  }
}

/** A link inside the tree is seen where it points to; one that leaves it will not be there on a VM. */
function kindOfLink(root: string, path: string, findings: Findings): "file" | "folder" | "other" {
  let target: string;
  try {
    target = realpathSync(join(root, path));
  } catch {
    findings.add("outside_repository", at(path), "symbolic link that leads nowhere", { grade: "change" });
    return "other";
  }
  if (target === root || target.startsWith(root + sep)) return statSync(target).isFile() ? "file" : "other";
  findings.add("outside_repository", at(path), "symbolic link to a place outside the repository");
  return "other";
}
