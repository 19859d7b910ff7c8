// Rules about what tasks and plays name: files, roles, other playbooks.
import type { Place } from "../types";
import type { Context } from "./context";
import { isControllerPath, leavesRepository, locate } from "./context";

/** A file or folder that a VM needs: reports one that is not in the repository. */
export function judgePath(path: string, what: string, place: Place, file: string, context: Context): void {
  if (isControllerPath(path) || leavesRepository(path, file, context.repository.root)) {
    context.findings.add("outside_repository", place, `${what} ${path}`);
  }
}

/** Follows what is imported, so that its content is judged as what it is. */
export function followFile(
  path: string,
  kind: "tasks" | "playbook" | "vars",
  place: Place,
  file: string,
  context: Context,
): void {
  judgePath(path, kind, place, file, context);
  if (/\{[{%]/.test(path)) return;
  const folders = { tasks: ["tasks", "handlers"], playbook: [], vars: ["vars"] }[kind];
  const found = locate(path, file, context.repository, folders);
  if (found !== undefined) context.follow(found, kind);
}

/** A role by its name, FQCN or path. */
export function judgeRole(name: string, place: Place, file: string, context: Context): void {
  const { repository, findings } = context;
  if (/\{[{%]/.test(name)) return;
  if (name.includes("/")) return judgePath(name, "role", place, file, context);
  // A lone playbook says nothing of its roles: only a repository that has some, or a list of them, can lack one.
  if (repository.roles.size === 0 && !repository.hasRequirements) return;
  if (repository.roles.has(name) || repository.required.has(name)) return;
  if (/^\w+\.\w+\.\w+/.test(name) && repository.collections.has(name.split(".").slice(0, 2).join("."))) return;
  findings.add("outside_repository", place, `role ${name}`, {
    grade: "change",
    why: "it is neither in roles/ nor in requirements.yml: the VM would not find it",
    remedy: "commit it to roles/, or name it in requirements.yml",
  });
}
