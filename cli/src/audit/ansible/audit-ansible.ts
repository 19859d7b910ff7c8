// The Ansible half: what each file of a tree is, by its place and its shape, and the rules that go with it.
import { basename, join } from "node:path";
import { readText, type TextFile } from "../files";
import type { Findings } from "../findings";
import { Lines } from "../lines";
import type { Context, Repository } from "./context";
import { isMap, isSeq, textOf, YamlFile, type Node } from "./document";
import { namesInTemplate } from "./jinja";
import { isModuleName, TELLING } from "./keywords";
import { judgeRole } from "./paths";
import { judgePlaybook } from "./plays";
import { repositoryOf } from "./repository";
import { judgeNames, judgeScalars } from "./scalars";
import { dynamicPlugin, isIniInventory, isInventoryProgram, judgeConfiguration, judgeIniInventory } from "./settings";
import { judgeTasks } from "./tasks";

const TEXT_LIMIT = 1024 * 1024;
const YAML_NAME = /\.ya?ml$/;
const TEMPLATE = /(^|\/)templates\/|\.j2$/;
/** Folders whose YAML is somebody else's, though it may look like Ansible's. */
const NOT_ANSIBLE = /(^|\/)(files|templates|\.gitlab|\.circleci|charts|k8s|kubernetes|manifests|argocd|node_modules)\//;
const VARIABLES = /(^|\/)(group_vars|host_vars|vars|defaults)\//;
const VAULT_HEADER = /^\$ANSIBLE_VAULT;/;

type Kind = "playbook" | "tasks" | "vars" | "other";

export class AnsibleAudit {
  private readonly repository: Repository;
  private readonly done = new Set<string>();
  private readonly open: { readonly path: string; readonly kind: Kind | undefined }[] = [];
  private readonly context: Context;
  public files = 0;

  public constructor(
    private readonly root: string,
    private readonly findings: Findings,
    paths: readonly string[],
  ) {
    this.repository = repositoryOf(root, paths);
    const follow: Context["follow"] = (path, kind) => this.open.push({ path, kind });
    this.context = { repository: this.repository, findings, follow };
    // What a playbook names is known better than what its place says: playbooks come first.
    this.open.push(...[...paths].reverse().map((path) => ({ path, kind: undefined })));
  }

  public run(): void {
    const waiting: { path: string; kind: undefined }[] = [];
    while (this.open.length > 0) {
      const { path, kind } = this.open.pop()!;
      if (this.done.has(path)) continue;
      this.done.add(path);
      this.judgeFile(path, kind);
    }
    for (const { path } of waiting) this.judgeFile(path, undefined);
  }

  private judgeFile(path: string, kind: Kind | undefined): void {
    if (!isInteresting(path) && kind === undefined) return;
    const read = readText(join(this.root, path), path, TEXT_LIMIT);
    if ("problem" in read) return this.noteUnread(path, read.problem, read.detail);
    this.files++;
    if (VAULT_HEADER.test(read.text)) {
      this.findings.add("vault_secret", { file: path, line: 1, column: 1 }, "file encrypted with ansible-vault");
    } else if (basename(path) === "ansible.cfg" || basename(path) === ".ansible.cfg")
      judgeConfiguration(read, this.context);
    else if (isInventoryProgram(path, read.text)) {
      this.findings.add("dynamic_inventory", { file: path, line: 1, column: 1 }, "program that prints an inventory");
    } else if (TEMPLATE.test(path)) this.judgeTemplate(read);
    else if (isIniInventory(path, read.text)) judgeIniInventory(read, this.context);
    else if (isYaml(path) || kind !== undefined) this.judgeYaml(read, kind);
  }

  private noteUnread(path: string, problem: string, detail: string): void {
    // Images and archives in files/ are no text, and nobody expects them to be judged.
    if (!isYaml(path) && basename(path) !== "ansible.cfg") return;
    const code = problem === "too_large" ? "file_too_large" : "file_unreadable";
    this.findings.add(code, { file: path, line: 1, column: 1 }, detail);
  }

  private judgeTemplate(file: TextFile): void {
    const lines = new Lines(file.text);
    const place = (offset: number) => ({ file: file.path, ...lines.at(offset) });
    judgeNames(namesInTemplate(file.text), { text: file.text, file: file.path, place }, this.context);
  }

  private judgeYaml(file: TextFile, kind: Kind | undefined): void {
    const foreign = NOT_ANSIBLE.test(file.path) && kind === undefined;
    if (foreign) return;
    const yaml = YamlFile.parse(file.path, file.text);
    const ansible =
      kind !== undefined || isAnsiblePlace(file.path) || yaml.documents.some((one) => kindOf(one, yaml) !== "other");
    // Text with templates at its top is no YAML until it is rendered, and not Ansible's to parse either.
    if (ansible || yaml.documents.length === 0) {
      for (const { message, ...place } of yaml.errors.slice(0, 5)) {
        if (!isTag(message)) this.findings.add("file_syntax", place, message);
      }
    }
    for (const one of yaml.documents) this.judgeDocument(one, yaml, kind);
  }

  private judgeDocument(node: Node, yaml: YamlFile, given: Kind | undefined): void {
    const shape = kindOf(node, yaml);
    const kind = shape === "playbook" ? shape : (given ?? shape);
    if (kind === "playbook" && isSeq(node)) judgePlaybook(node, yaml, this.context);
    else if (kind === "tasks" && isSeq(node)) judgeTasks(node, yaml, this.context);
    else if (isMap(node)) this.judgeMapping(node, yaml);
    if (kind !== "other" || VARIABLES.test(yaml.path) || isInventory(node, yaml))
      judgeScalars(node, yaml, this.context);
  }

  /** Role metadata, requirements and inventory plugins. */
  private judgeMapping(node: Node, yaml: YamlFile): void {
    const entries = yaml.entries(node);
    const plugin = entries.find(({ key }) => key === "plugin");
    const name = textOf(plugin?.value);
    if (plugin !== undefined && name !== undefined && dynamicPlugin(name, yaml.path)) {
      this.findings.add("dynamic_inventory", plugin, `inventory plugin ${name}`);
    }
    if (!/(^|\/)meta\/main\.ya?ml$/.test(yaml.path)) return;
    for (const one of yaml.items(entries.find(({ key }) => key === "dependencies")?.value)) {
      const inner = yaml.entries(one);
      const role = textOf(one) ?? textOf(inner.find(({ key }) => key === "role" || key === "name")?.value);
      if (role !== undefined) judgeRole(role, yaml.place(one), yaml.path, this.context);
    }
  }
}

function isYaml(path: string): boolean {
  return YAML_NAME.test(path) || (VARIABLES.test(path) && !/\.\w+$/.test(path));
}

function isInteresting(path: string): boolean {
  if (isYaml(path) || TEMPLATE.test(path) || /(^|\/)\.?ansible\.cfg$/.test(path)) return true;
  return /inventor|(^|\/)hosts|\.ini$|\.py$|vault|secret/.test(path) && !/\.(tf|tofu|png|zip|gz|jpg|pyc)$/.test(path);
}

/** An unknown tag is a warning for us and a constructor of somebody else's. */
function isTag(message: string): boolean {
  return /tag/i.test(message) && /unresolved|unknown/i.test(message);
}

function isAnsiblePlace(path: string): boolean {
  return VARIABLES.test(path) || /(^|\/)(tasks|handlers|playbooks|roles|inventory|inventories)\//.test(path);
}

function isInventory(node: Node, yaml: YamlFile): boolean {
  if (!isMap(node)) return false;
  const named = /(^|\/)(inventory|inventories|hosts)(\/|[\w.-]*\.ya?ml$)/.test(yaml.path);
  return (
    named &&
    yaml.entries(node).some(({ value }) => yaml.entries(value).some(({ key }) => /^(hosts|children|vars)$/.test(key)))
  );
}

/** What a document is by its shape; a list under tasks/ or handlers/ is a list of tasks whatever stands in it. */
function kindOf(node: Node, yaml: YamlFile): Kind {
  if (!isSeq(node)) return VARIABLES.test(yaml.path) ? "vars" : "other";
  const items = yaml
    .items(node)
    .slice(0, 50)
    .map((one) => yaml.entries(one).map(({ key }) => key));
  const isPlay = (keys: readonly string[]): boolean =>
    keys.includes("hosts") ||
    keys.some((key) => /(^|\.)import_playbook$/.test(key)) ||
    (keys.includes("include") && keys.length === 1 && !/(^|\/)(tasks|handlers)\//.test(yaml.path));
  if (items.some(isPlay)) return "playbook";
  if (/(^|\/)(tasks|handlers)\//.test(yaml.path)) return "tasks";
  const isTask = (keys: readonly string[]): boolean =>
    keys.some((key) => TELLING.has(key) || /(^|\.)(include|import)_(tasks|role)$/.test(key)) ||
    (keys.some(isModuleName) && keys.every((key) => !/^(src|version|scm|image|script|stage|uses)$/.test(key)));
  return items.some(isTask) ? "tasks" : "other";
}
