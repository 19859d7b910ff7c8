// Rules about plays and playbooks.
import type { Context } from "./context";
import { isMap, isScalar, textOf, type Entry, type Node, type YamlFile } from "./document";
import { shortName, TASK_LISTS } from "./keywords";
import { followFile, judgeRole } from "./paths";
import { judgeKeywords, judgeTasks } from "./tasks";

/** Judges the plays of a playbook; values in them are judged by judgeScalars. */
export function judgePlaybook(list: Node, yaml: YamlFile, context: Context): void {
  const seen = new Set<string>();
  for (const play of yaml.items(list)) {
    const entries = yaml.entries(play);
    for (const entry of entries) judgeKey(entry, yaml, context);
    judgeTargets(entries, seen, yaml, context);
  }
}

function judgeKey(entry: Entry, yaml: YamlFile, context: Context): void {
  const { findings } = context;
  const text = textOf(entry.value);
  if (TASK_LISTS.has(entry.key)) return judgeTasks(entry.value, yaml, context);
  if (entry.key === "roles") return judgeRoles(entry.value, yaml, context);
  if (/^(import_playbook|include)$/.test(shortName(entry.key)) && text !== undefined) {
    return followFile(text.split(/\s+/)[0] ?? "", "playbook", entry, yaml.path, context);
  }
  if (entry.key === "vars_files") return judgeVarsFiles(entry, yaml, context);
  if (entry.key === "vars_prompt") findings.add("vars_prompt", entry, promptNames(entry, yaml));
  if (entry.key === "serial") findings.add("serial", entry, `serial: ${text ?? "a list"}`);
  if (entry.key === "strategy" && text !== undefined) judgeStrategy(text, entry, context);
  judgeKeywords([entry], context);
}

function promptNames(entry: Entry, yaml: YamlFile): string {
  const names = yaml
    .items(entry.value)
    .flatMap((one) => textOf(yaml.entries(one).find(({ key }) => key === "name")?.value) ?? []);
  return `vars_prompt: ${names.join(", ")}`;
}

export function judgeStrategy(
  name: string,
  place: Entry | { file: string; line: number; column: number },
  { findings }: Context,
): void {
  if (/^mitogen/.test(name)) {
    const note = { grade: "change", why: "the plugin is on the controller's disk, not in the repository" } as const;
    return findings.add("strategy", place, `strategy: ${name}`, note);
  }
  const debug = { grade: "blocker", why: "the debugger waits for somebody to type" } as const;
  findings.add("strategy", place, `strategy: ${name}`, shortName(name) === "debug" ? debug : {});
}

function judgeRoles(list: Node | null, yaml: YamlFile, context: Context): void {
  for (const role of yaml.items(list)) {
    const entries = isMap(role) ? yaml.entries(role) : [];
    const named = entries.find(({ key }) => key === "role") ?? entries.find(({ key }) => key === "name");
    const name = textOf(role) ?? textOf(named?.value);
    if (name !== undefined) judgeRole(name.split(/\s*,\s*/)[0] ?? name, yaml.place(role), yaml.path, context);
    judgeKeywords(entries, context);
  }
}

function judgeVarsFiles(entry: Entry, yaml: YamlFile, context: Context): void {
  const paths = isScalar(entry.value) ? [entry.value] : yaml.items(entry.value);
  for (const one of paths.flatMap((path) => (isScalar(path) ? [path] : yaml.items(path)))) {
    followFile(textOf(one) ?? "", "vars", yaml.place(one), yaml.path, context);
  }
}

/** Names that are every host, or the machine itself. */
const EVERYBODY = /^(all|\*|localhost|127\.0\.0\.1|::1|ungrouped|)$/;

function judgeTargets(entries: readonly Entry[], seen: Set<string>, yaml: YamlFile, context: Context): void {
  const hosts = entries.find(({ key }) => key === "hosts");
  if (hosts === undefined) return;
  const patterns = isScalar(hosts.value)
    ? [textOf(hosts.value) ?? ""]
    : yaml.items(hosts.value).map((one) => textOf(one) ?? "");
  const whole = patterns.join(",");
  if (/\{[{%]/.test(whole)) return;
  const groups = groupsIn(whole);
  for (const one of groups) context.findings.targets.add(one);
  const others = groups.filter((one) => !seen.has(one));
  const several = groups.length > 1 || (seen.size > 0 && others.length > 0);
  for (const one of groups) seen.add(one);
  if (several) context.findings.add("several_groups", hosts, `hosts: ${whole}`);
}

/** The groups and hosts that a pattern takes in; exclusions and intersections only narrow it. */
function groupsIn(pattern: string): string[] {
  if (pattern.startsWith("~")) return [pattern];
  // The colons of an IPv6 address and of a range are no separators.
  const parts = pattern
    .replace(/\[[^\]]*\]/g, "")
    .split(/[,:]/)
    .map((one) => one.trim());
  return [...new Set(parts.filter((one) => !/^[!&]/.test(one) && !EVERYBODY.test(one)))];
}
