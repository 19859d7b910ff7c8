// `nexus-pull audit PATH`
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { audit, worst } from "../audit/audit";
import { human } from "../audit/output/human";
import { sarif } from "../audit/output/sarif";
import type { AuditReport, Grade } from "../audit/types";
import type { Run } from "../context";
import { CliError } from "../errors";
import { EXIT } from "../exit-codes";
import type { Terminal } from "../terminal";
import { VERSION } from "../version";

export interface AuditCommandOptions {
  readonly path: string;
  readonly format: "human" | "json" | "sarif";
  readonly state: readonly string[];
  readonly output?: string;
}

const STATUS: Readonly<Record<Grade, number>> = { works: EXIT.ok, change: EXIT.failed, blocker: EXIT.blocker };

export const run: Run<AuditCommandOptions> = async (options, { terminal, cwd }) => {
  for (const path of [options.path, ...options.state]) {
    if (existsSync(resolve(cwd, path))) continue;
    throw new CliError("path_missing", `${path}: no such file or folder`, "name the folder of the code to audit");
  }
  const states = options.state.map((one) => resolve(cwd, one));
  const { report } = await audit(resolve(cwd, options.path), { states });
  const text = render(report, options.format, terminal);
  if (options.output === undefined) terminal.out(text);
  else writeWhole(resolve(cwd, options.output), `${text}\n`);
  const grade = worst(report);
  return grade === undefined ? EXIT.ok : STATUS[grade];
};

function render(report: AuditReport, format: AuditCommandOptions["format"], terminal: Terminal): string {
  if (format === "human") return human(report, terminal);
  return JSON.stringify(format === "json" ? { version: 1, ...report } : sarif(report, VERSION), null, 2);
}

/** All of it or nothing, also when it is interrupted. */
function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
