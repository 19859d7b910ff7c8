// Rules about tasks, in blocks, handlers and `apply:` too, new syntax and old.
import type { Context } from "./context";
import { DEEPEST, isMap, mayBeTrue, textOf, type Entry, type Node, type YamlFile } from "./document";
import { namesInExpression, namesInTemplate } from "./jinja";
import { isModuleName, shortName, TASK_KEYWORDS } from "./keywords";
import { followFile, judgePath, judgeRole } from "./paths";
import { judgeLookup, judgeNames } from "./scalars";
import type { Place } from "../types";

/** Judges a list of tasks or handlers; values in them are judged by judgeScalars. */
export function judgeTasks(list: Node | null, yaml: YamlFile, context: Context, depth = 0): void {
  if (depth > DEEPEST || list === null || !yaml.firstVisit("lists", list)) return;
  for (const task of yaml.items(list)) judgeTask(task, yaml, context, depth);
}

function judgeTask(task: Node, yaml: YamlFile, context: Context, depth: number): void {
  if (!yaml.firstVisit("tasks", task)) return;
  const entries = yaml.entries(task);
  judgeKeywords(entries, context);
  for (const { key, value } of entries) {
    if (/^(block|rescue|always)$/.test(key)) judgeTasks(value, yaml, context, depth + 1);
  }
  for (const { name, args, place } of modulesOf(entries, yaml)) judgeModule(name, args, place, yaml, context);
  for (const entry of entries) judgeLoop(entry, yaml, context);
}

/** Keywords that a task, a block, a role's entry and `apply:` have alike. */
export function judgeKeywords(entries: readonly Entry[], { findings }: Context): void {
  for (const entry of entries) {
    const text = textOf(entry.value);
    if (entry.key === "delegate_to" && text !== undefined && !/^\{\{\s*inventory_hostname\s*\}\}$/.test(text.trim())) {
      findings.add("delegate_to", entry, `delegate_to: ${text}`);
    }
    if (entry.key === "local_action") findings.add("local_action", entry, `local_action: ${text ?? ""}`);
    if (entry.key === "run_once" && mayBeTrue(entry.value)) findings.add("run_once", entry, `run_once: ${text ?? ""}`);
    if (entry.key === "throttle" && text !== "0") findings.add("serial", entry, `throttle: ${text ?? ""}`);
  }
}

interface ModuleCall {
  readonly name: string;
  readonly args: Arguments;
  readonly place: Place;
}

/** A module's arguments: a mapping, a line of words, or both. */
class Arguments {
  private constructor(
    public readonly line: string,
    private readonly entries: readonly Entry[],
  ) {}

  public static of(value: Node | null, more: readonly Entry[], yaml: YamlFile): Arguments {
    const own = isMap(value) ? yaml.entries(value) : [];
    return new Arguments(textOf(value) ?? "", [...own, ...more]);
  }

  public static ofLine(line: string, more: readonly Entry[]): Arguments {
    return new Arguments(line, more);
  }

  public get(name: string): string | undefined {
    const entry = this.entries.find((one) => one.key === name);
    if (entry !== undefined) return textOf(entry.value) ?? "";
    const word = new RegExp(`(?:^|\\s)${name}=("[^"]*"|'[^']*'|\\S+)`).exec(this.line)?.[1];
    return word?.replace(/^["']|["']$/g, "");
  }

  public place(name: string): Place | undefined {
    return this.entries.find((one) => one.key === name);
  }

  public entry(name: string): Entry | undefined {
    return this.entries.find((one) => one.key === name);
  }

  public true(name: string): boolean {
    return /^(true|yes|on|1|y|t)$/i.test(this.get(name) ?? "");
  }

  /** What follows the module's name when it takes free text. */
  public free(): string {
    return this.get("cmd") ?? this.get("_raw_params") ?? (this.line === "" ? (this.get("argv") ?? "") : this.line);
  }
}

function modulesOf(entries: readonly Entry[], yaml: YamlFile): ModuleCall[] {
  const more = entries.filter((one) => one.key === "args").flatMap((one) => yaml.entries(one.value));
  return entries.flatMap((entry): ModuleCall[] => {
    if (entry.key === "action" || entry.key === "local_action") return oldCall(entry, more, yaml);
    if (TASK_KEYWORDS.has(entry.key) || /^with_/.test(entry.key)) return [];
    if (!isModuleName(entry.key) && entry.key.includes(" ")) return [];
    return [{ name: shortName(entry.key), args: Arguments.of(entry.value, more, yaml), place: entry }];
  });
}

/** `action: pause minutes=5` and `action: { module: pause, minutes: 5 }`. */
function oldCall(entry: Entry, more: readonly Entry[], yaml: YamlFile): ModuleCall[] {
  const line = textOf(entry.value);
  if (line !== undefined) {
    const [word = "", ...rest] = line.trim().split(/\s+/);
    const inner = /(?:^|\s)module=(\S+)/.exec(line)?.[1] ?? word;
    return [{ name: shortName(inner), args: Arguments.ofLine(rest.join(" "), more), place: entry }];
  }
  const inner = yaml.entries(entry.value);
  const name = textOf(inner.find((one) => one.key === "module")?.value) ?? "";
  return [{ name: shortName(name.split(/\s+/)[0] ?? ""), args: Arguments.of(entry.value, more, yaml), place: entry }];
}

type Judge = (args: Arguments, place: Place, yaml: YamlFile, context: Context) => void;

const REBOOT_COMMAND =
  /(^|[\s;&|/'"])(reboot|shutdown\s+(-r|-P|-h|-H|now|\+)|systemctl\s+(--\S+\s+)*(reboot|kexec|soft-reboot)|init\s+6|telinit\s+6|poweroff|halt)\b/;

const command: Judge = (args, place, _yaml, { findings }) => {
  const text = args.free();
  if (!/^\s*(echo|printf|#|grep|test|cat|which|ls|stat|needs-restarting)\b/.test(text) && REBOOT_COMMAND.test(text)) {
    findings.add("reboot", place, `command that reboots: ${text}`, { grade: "change" });
  }
};

const reboot: Judge = (_args, place, _yaml, { findings }) => findings.add("reboot", place, "reboot");

const copied: Judge = (args, place, yaml, context) => {
  const source = args.get("src");
  if (source === undefined || args.true("remote_src") || /^\w+:\/\//.test(source)) return;
  judgePath(source, "src", args.place("src") ?? place, yaml.path, context);
};

const tasksOf: Judge = (args, place, yaml, context) => {
  const path = args.get("file") ?? firstWord(args.line);
  if (path !== "") followFile(path, "tasks", place, yaml.path, context);
  applied(args, place, yaml, context);
};

const applied: Judge = (args, _place, yaml, context) => {
  const apply = args.entry("apply");
  if (apply !== undefined) judgeKeywords(yaml.entries(apply.value), context);
};

const roleOf: Judge = (args, place, yaml, context) => {
  const name = args.get("name") ?? args.get("role");
  if (name !== undefined) judgeRole(name, args.place("name") ?? place, yaml.path, context);
  applied(args, place, yaml, context);
};

const varsOf: Judge = (args, place, yaml, context) => {
  const path = args.get("file") ?? args.get("dir") ?? firstWord(args.line);
  if (path !== "") followFile(path, "vars", place, yaml.path, context);
};

const firstWord = (line: string): string =>
  /^\w+=/.test(line.trim()) ? "" : (line.trim().split(/\s+(?=\w+=)/)[0] ?? "");

const pause: Judge = (args, place, _yaml, { findings }) => {
  const timed = args.get("seconds") !== undefined || args.get("minutes") !== undefined;
  const what = timed ? "pause for a time" : "pause that waits for a key";
  findings.add(
    "pause",
    place,
    what,
    timed ? { grade: "works", remedy: "wait for the thing itself: wait_for, until" } : { grade: "blocker" },
  );
};

const MODULES: Readonly<Record<string, Judge>> = {
  pause,
  reboot,
  win_reboot: reboot,
  command,
  shell: command,
  raw: command,
  add_host: (_args, place, _yaml, { findings }) => findings.add("add_host", place, "add_host"),
  wait_for_connection: (_args, place, _yaml, { findings }) =>
    findings.add("wait_for_connection", place, "wait_for_connection"),
  fetch: (args, place, _yaml, { findings }) => findings.add("fetch", place, `fetch ${args.get("src") ?? ""}`),
  copy: copied,
  template: copied,
  unarchive: copied,
  assemble: copied,
  synchronize: copied,
  script: (args, place, yaml, context) => judgePath(firstWord(args.free()), "script", place, yaml.path, context),
  include: tasksOf,
  include_tasks: tasksOf,
  import_tasks: tasksOf,
  include_role: roleOf,
  import_role: roleOf,
  include_vars: varsOf,
};

function judgeModule(name: string, args: Arguments, place: Place, yaml: YamlFile, context: Context): void {
  if (Object.hasOwn(MODULES, name)) MODULES[name]!(args, place, yaml, context);
}

/** `with_file:` is a lookup; `debug: var=hostvars` an expression without braces. */
function judgeLoop(entry: Entry, yaml: YamlFile, context: Context): void {
  const plugin = /^with_(\w+)$/.exec(entry.key)?.[1];
  const items = yaml.items(entry.value);
  if (plugin !== undefined) {
    const first = textOf(entry.value) ?? textOf(items[0]);
    judgeLookup(plugin, first, entry, yaml.path, context);
  }
  if (shortName(entry.key) !== "debug") return;
  const variable = yaml.entries(entry.value).find((one) => one.key === "var");
  const text = textOf(variable?.value);
  if (variable === undefined || text === undefined) return;
  const source = { text, file: yaml.path, place: () => variable };
  judgeNames(text.includes("{{") ? namesInTemplate(text) : namesInExpression(text), source, context);
}
