// Rules about values, wherever they stand: lookups, other hosts, passwords, pinned interpreters, vault secrets.
import type { Place } from "../types";
import type { Context } from "./context";
import { isControllerPath, leavesRepository, locate } from "./context";
import { DEEPEST, isMap, isScalar, textOf, type Node, type YamlFile } from "./document";
import { namesInExpression, namesInTemplate, type JinjaName } from "./jinja";
import { EXPRESSIONS, shortName } from "./keywords";

/** A text in which expressions stand, and where it begins. */
export interface Source {
  readonly text: string;
  readonly place: (offset: number) => Place;
  readonly file: string;
}

const PASSWORDS = /^ansible_(become_pass|become_password|sudo_pass|su_pass|ssh_sudo_pass|su_password|sudo_password)$/;

/** Judges every scalar under a node. */
export function judgeScalars(node: Node | null, yaml: YamlFile, context: Context, depth = 0): void {
  if (node === null || depth > DEEPEST || !yaml.firstVisit("scalars", node)) return;
  if (isScalar(node)) return judgeText(node, yaml, context, false);
  if (!isMap(node)) {
    for (const one of yaml.items(node)) judgeScalars(one, yaml, context, depth + 1);
    return;
  }
  for (const entry of yaml.entries(node)) {
    judgeKey(entry.key, textOf(entry.value), entry, context);
    if (EXPRESSIONS.has(entry.key)) judgeExpressions(entry.value, yaml, context);
    else judgeScalars(entry.value, yaml, context, depth + 1);
  }
}

function judgeExpressions(node: Node | null, yaml: YamlFile, context: Context): void {
  if (isScalar(node)) return judgeText(node, yaml, context, true);
  for (const one of yaml.items(node)) judgeExpressions(one, yaml, context);
}

function judgeText(node: Node, yaml: YamlFile, context: Context, expression: boolean): void {
  if (!isScalar(node)) return;
  if (node.tag === "!vault") {
    context.findings.add("vault_secret", yaml.place(node), "!vault value");
    return;
  }
  // A text with neither mark cannot refer to anything; most are such.
  if (typeof node.value !== "string" || (!expression && !/\{[{%]/.test(node.value))) return;
  // "!unsafe" texts are not templates.
  if (node.tag === "!unsafe") return;
  const { text, offset } = yaml.source(node);
  // The text's own quotes would start a text in the expression.
  const inner = expression && /^(["']).*\1$/s.test(text) ? ` ${text.slice(1, -1)} ` : text;
  const source = { text: inner, file: yaml.path, place: (at: number) => yaml.at(offset + at) };
  judgeNames(expression ? namesInExpression(inner) : namesInTemplate(inner), source, context);
}

/** A variable that says how to log in or which Python to use. */
export function judgeKey(key: string, value: string | undefined, place: Place, context: Context): void {
  if (PASSWORDS.test(key)) context.findings.add("become_password", place, key);
  if (key === "ansible_python_interpreter" && value !== undefined) judgeInterpreter(value, place, context);
}

export function judgeInterpreter(value: string, place: Place, { findings }: Context): void {
  if (/^auto(_silent|_legacy|_legacy_silent)?$/.test(value) || /ansible_playbook_python/.test(value)) return;
  const generic = /^\/usr\/bin\/python3$/.test(value);
  findings.add("pinned_interpreter", place, `interpreter ${value}`, generic ? { grade: "works" } : {});
}

/** Judges the names of expressions. */
export function judgeNames(names: readonly JinjaName[], source: Source, context: Context): void {
  for (const one of names) {
    if (/^(lookup|query|q)$/.test(one.name) && one.argument !== undefined) {
      judgeLookup(one.argument, one.second, source.place(one.offset), source.file, context);
    } else {
      judgeOtherHosts(one, source, context);
    }
  }
}

const OTHER_HOSTS = new Set(["ansible_play_hosts", "ansible_play_hosts_all", "ansible_play_batch", "play_hosts"]);

function judgeOtherHosts(one: JinjaName, source: Source, { findings }: Context): void {
  const step = one.step === undefined ? "" : `[${one.step}]`;
  if (one.name === "hostvars") {
    // A host's own variables are there.
    if (one.step === "inventory_hostname" && one.literalStep !== true) return;
    findings.add("other_hosts", source.place(one.offset), `hostvars${step}`, { grade: "blocker" });
  } else if (one.name === "groups") {
    findings.add("other_hosts", source.place(one.offset), `groups${step}`);
  } else if (OTHER_HOSTS.has(one.name)) {
    findings.add("other_hosts", source.place(one.offset), one.name);
  }
}

/** Lookups by what they need of the controller. */
const OF_FILES = new Set(["file", "lines", "csvfile", "ini", "unvault"]);
const OF_CONTROLLER = new Set([
  ...["env", "pipe", "password", "passwordstore", "keyring", "onepassword", "onepassword_raw", "onepassword_doc"],
  ...[
    "bitwarden",
    "bitwarden_secrets_manager",
    "lastpass",
    "hashi_vault",
    "vault_kv1_get",
    "vault_kv2_get",
    "vault_read",
  ],
  ...["aws_secret", "aws_ssm", "secretsmanager_secret", "ssm_parameter", "azure_keyvault_secret", "conjur_variable"],
  ...["credstash", "cyberarkpassword", "tss", "dsv", "revbitspss", "gcp_secret_manager", "random_password"],
]);
/** Where each VM would silently have its own answer. */
const DIFFERS = new Set(["password"]);

export function judgeLookup(
  plugin: string,
  argument: string | undefined,
  place: Place,
  file: string,
  context: Context,
): void {
  const name = shortName(plugin);
  const { findings, repository } = context;
  if (name === "inventory_hostnames") return findings.add("other_hosts", place, "lookup inventory_hostnames");
  const what = `lookup ${name}${argument === undefined ? "" : ` ${argument}`}`;
  // Into no file: a new one each time, wherever it runs.
  if (name === "password" && /^\/dev\/null\b/.test(argument ?? "")) return;
  if (OF_CONTROLLER.has(name)) {
    return findings.add("controller_lookup", place, what, DIFFERS.has(name) ? { grade: "blocker" } : {});
  }
  if (!OF_FILES.has(name)) return;
  if (argument !== undefined && leavesRepository(argument, file, repository.root)) {
    return findings.add("controller_lookup", place, what, { grade: "blocker" });
  }
  const inside =
    argument !== undefined &&
    !isControllerPath(argument) &&
    locate(argument, file, repository, ["files"]) !== undefined;
  const note = { grade: "works", why: "the file is in the repository, which the VM has", remedy: "nothing" } as const;
  findings.add("controller_lookup", place, what, inside ? note : {});
}
