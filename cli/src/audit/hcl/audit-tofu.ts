// The OpenTofu half: files to modules, local modules followed, each module judged once.
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { readText } from "../files";
import type { Findings } from "../findings";
import { parseJsonSyntax } from "./json-syntax";
import { judgeModule } from "./rules";
import { HclSyntax } from "./syntax";
import { attribute, type Attribute, type Block, type ParsedFile } from "./tree";
import { machinesOf } from "./vms";

export const CODE_FILE = /\.(tf|tofu)(\.json)?$/;
const CODE_LIMIT = 2 * 1024 * 1024;
const MOST_MODULES = 500;

/** One module: the code of a folder. */
export interface Module {
  readonly folder: string;
  readonly blocks: readonly Block[];
}

export interface TofuHalf {
  readonly modules: readonly Module[];
  readonly files: number;
  readonly variables: ReadonlyMap<string, readonly Attribute[]>;
}

export class TofuAudit {
  private readonly modules = new Map<string, Module>();
  private files = 0;

  private constructor(
    private readonly root: string,
    private readonly findings: Findings,
    private readonly hcl: HclSyntax,
  ) {}

  public static async load(root: string, findings: Findings): Promise<TofuAudit> {
    return new TofuAudit(root, findings, await HclSyntax.load());
  }

  /** Reads and judges all folders that have code, and the local modules that they call. */
  public run(files: readonly string[]): TofuHalf {
    const folders = new Set(files.filter((one) => CODE_FILE.test(one)).map((one) => dirname(join(this.root, one))));
    const called = new Set<string>();
    const open = [...folders].sort();
    while (open.length > 0) {
      const folder = open.shift()!;
      if (this.modules.has(folder)) continue;
      if (this.modules.size >= MOST_MODULES) {
        this.findings.add("too_much", this.start(folder), `more than ${MOST_MODULES} modules`);
        break;
      }
      const module = this.read(folder);
      for (const target of this.calls(module)) {
        called.add(target);
        open.push(target);
      }
    }
    for (const module of this.modules.values()) this.judge(module);
    this.listMachines([...this.modules.keys()].filter((one) => !called.has(one)));
    return { modules: [...this.modules.values()], files: this.files, variables: this.variableFiles(files) };
  }

  private start(path: string) {
    return { file: this.shown(path), line: 1, column: 1 };
  }

  private shown(path: string): string {
    return relative(this.root, path) || ".";
  }

  private read(folder: string): Module {
    const names = existsSync(folder)
      ? readdirSync(folder)
          .filter((one) => CODE_FILE.test(one))
          .sort()
      : [];
    // A .tofu file hides the .tf file of its name.
    const used = names.filter(
      (one) => !/\.tf(\.json)?$/.test(one) || !names.includes(one.replace(/\.tf(\.json)?$/, ".tofu$1")),
    );
    const blocks = used.flatMap((name) => this.parse(join(folder, name)).blocks);
    const module = { folder, blocks };
    this.modules.set(folder, module);
    return module;
  }

  private parse(path: string): ParsedFile {
    const file = this.shown(path);
    const read = readText(path, file, CODE_LIMIT);
    if ("problem" in read) {
      const code = read.problem === "too_large" ? "file_too_large" : "file_unreadable";
      this.findings.add(code, { file, line: 1, column: 1 }, read.detail);
      return { blocks: [], attributes: [], errors: [] };
    }
    this.files++;
    const parsed = path.endsWith(".json")
      ? parseJsonSyntax(read.text, file, this.hcl)
      : this.hcl.parse(read.text, file);
    for (const { message, ...place } of parsed.errors) this.findings.add("file_syntax", place, message);
    return parsed;
  }

  /** The folders of the modules that a module calls. */
  private calls(module: Module): string[] {
    return module.blocks
      .filter((one) => one.type === "module")
      .flatMap((block) => {
        const source = attribute(block, "source")?.value.literal;
        if (typeof source !== "string") return [];
        const folder = this.moduleFolder(source, module.folder, block.labels[0] ?? "");
        if (folder !== undefined) return [folder];
        this.findings.unread.push({ ...block, what: `module ${block.labels[0] ?? ""} from ${source}` });
        return [];
      });
  }

  private moduleFolder(source: string, folder: string, name: string): string | undefined {
    const local = /^\.\.?(\/|$)/.test(source) ? resolve(folder, source) : this.downloaded(folder, name);
    if (local === undefined || !existsSync(local) || !statSync(local).isDirectory()) return undefined;
    return realpathSync(local);
  }

  /** Where `tofu init` put a module, when it ran here. */
  private downloaded(folder: string, name: string): string | undefined {
    const list = join(folder, ".terraform", "modules", "modules.json");
    if (!existsSync(list)) return undefined;
    try {
      const { Modules } = JSON.parse(readFileSync(list, "utf8")) as { Modules: { Key: string; Dir: string }[] };
      const found = Modules.find((one) => one.Key === name);
      return found === undefined ? undefined : resolve(folder, found.Dir);
    } catch {
      return undefined;
    }
  }

  private judge(module: Module): void {
    const script = (command: string, file: string): string | undefined =>
      this.script(command, join(this.root, dirname(file)));
    judgeModule({ findings: this.findings, blocks: module.blocks, script });
  }

  /** The text of the first script that a command names: `bash ${path.module}/scripts/configure.sh ...`. */
  private script(command: string, folder: string): string | undefined {
    for (const word of command.split(/[\s"'`;&|()]+/).slice(0, 30)) {
      const path = word.replace(/^\$\{path\.(module|root|cwd)\}\/?/, "./");
      if (!/\.(sh|bash|py|pl|rb)$/.test(path) || /[${}]/.test(path)) continue;
      const absolute = resolve(folder, path);
      const read = existsSync(absolute) ? readText(absolute, path, 256 * 1024) : undefined;
      if (read === undefined || "problem" in read) continue;
      // Other languages start programs from strings.
      return /\.(sh|bash)$/.test(path) ? read.text : read.text.replace(/["'[\],()]/g, " ").replace(/\n/g, ";");
    }
    return undefined;
  }

  private listMachines(roots: readonly string[]): void {
    for (const root of roots) this.listModule(root, "", new Set());
  }

  private listModule(folder: string, prefix: string, above: ReadonlySet<string>): void {
    const module = this.modules.get(folder);
    if (module === undefined || above.has(folder) || above.size > 20 || this.findings.vms.length > 5000) return;
    this.findings.vms.push(...machinesOf(module.blocks, prefix));
    for (const block of module.blocks.filter((one) => one.type === "module")) {
      const source = attribute(block, "source")?.value.literal;
      const target = typeof source === "string" ? this.moduleFolder(source, folder, block.labels[0] ?? "") : undefined;
      if (target !== undefined)
        this.listModule(target, `${prefix}module.${block.labels[0] ?? ""}.`, new Set([...above, folder]));
    }
  }

  /** Values of *.tfvars files by name: the audit only checks that they parse, the migration carries them over. */
  private variableFiles(files: readonly string[]): Map<string, readonly Attribute[]> {
    const found = files.filter((one) => /\.tfvars(\.json)?$/.test(basename(one)));
    return new Map(found.map((one) => [one, this.parse(join(this.root, one)).attributes]));
  }
}
