// What the rules of the Ansible half share.
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Findings } from "../findings";

/** What is known of the repository before its files are judged. */
export interface Repository {
  readonly root: string;
  /** Paths relative to root, with forward slashes. */
  readonly files: ReadonlySet<string>;
  /** Names of the roles that have a folder. */
  readonly roles: ReadonlySet<string>;
  /** Names that requirements.yml brings. */
  readonly required: ReadonlySet<string>;
  /** Namespaces and names of collections that requirements.yml brings. */
  readonly collections: ReadonlySet<string>;
  readonly hasRequirements: boolean;
}

export interface Context {
  readonly repository: Repository;
  readonly findings: Findings;
  /** Files that a task names and that so are Ansible's, whatever they are called. */
  readonly follow: (path: string, kind: "tasks" | "playbook" | "vars") => void;
}

/** Whether a path of the controller's own disk: absolute, or in somebody's home. */
export function isControllerPath(path: string): boolean {
  return isAbsolute(path) || /^(~|\$HOME|\$\{HOME\})/.test(path) || /^[A-Za-z]:[\\/]/.test(path);
}

/** Whether a relative path of a file leaves the repository. */
export function leavesRepository(path: string, file: string, root: string): boolean {
  if (/\{[{%]/.test(path.split("/").slice(0, 2).join("/")) || !path.includes("..")) return false;
  const target = resolve(root, dirname(file), path);
  // Ansible also looks beside the playbook and in the role's folders, one of which may be deeper.
  const fromRole = resolve(root, dirname(file), "..", "files", path);
  return outside(target, root) && outside(fromRole, root);
}

function outside(target: string, root: string): boolean {
  return target !== root && !target.startsWith(root + sep);
}

/** The file that a task names, looked for where Ansible does; undefined when it is not in the tree. */
export function locate(
  path: string,
  file: string,
  repository: Repository,
  folders: readonly string[],
): string | undefined {
  if (/\{[{%]/.test(path) || isControllerPath(path)) return undefined;
  const here = dirname(file);
  const role = /^(.*\/)?roles\/[^/]+/.exec(file)?.[0];
  const bases = [here, ...(role === undefined ? [] : folders.map((one) => join(role, one))), ...folders, "."];
  for (const base of bases) {
    const found = relative(repository.root, resolve(repository.root, base, path))
      .split(sep)
      .join("/");
    if (repository.files.has(found)) return found;
  }
  return undefined;
}
