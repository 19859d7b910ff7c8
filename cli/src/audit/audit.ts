// Both halves of an audit over one tree.
import { join } from "node:path";
import { AnsibleAudit } from "./ansible/audit-ansible";
import { readText, walk } from "./files";
import { Findings } from "./findings";
import { CODE_FILE, TofuAudit, type TofuHalf } from "./hcl/audit-tofu";
import { isStateList, looksLikeState, readState, type StateInstance } from "./state";
import type { AuditReport, Grade } from "./types";

/** States are large: a thousand VMs come to some ten megabytes. */
const STATE_LIMIT = 64 * 1024 * 1024;

export interface AuditOptions {
  /** Output of `tofu state list` or `tofu show -json`, or a state file, beside those that are in the tree. */
  readonly states?: readonly string[];
}

/** The report, and what a migration goes on with. */
export interface Audit {
  readonly report: AuditReport;
  readonly tofu: TofuHalf;
  readonly instances: readonly StateInstance[];
}

/**
 * Reads a tree and judges it. What cannot be read or parsed is a finding.
 *
 * @throws the file system's error when the path itself is not there
 */
export async function audit(path: string, options: AuditOptions = {}): Promise<Audit> {
  const findings = new Findings();
  const { root, files } = walk(path, findings);
  const tofuAudit = await TofuAudit.load(root, findings);
  const tofu = tofuAudit.run(files);
  const states = [
    ...statesIn(root, files, findings),
    ...(options.states ?? []).map((one) => ({ absolute: one, file: one })),
  ];
  const stateFiles = new Set(states.map((one) => one.file));
  const instances = states.flatMap(({ absolute, file }) => {
    const read = readText(absolute, file, STATE_LIMIT);
    if (!("problem" in read)) return readState(read.text, file, findings);
    findings.add(
      read.problem === "too_large" ? "file_too_large" : "file_unreadable",
      { file, line: 1, column: 1 },
      read.detail,
    );
    return [];
  });
  const rest = files.filter((one) => !CODE_FILE.test(one) && !stateFiles.has(one));
  const ansible = new AnsibleAudit(root, findings, rest);
  ansible.run();
  const report: AuditReport = {
    root,
    files: tofu.files + ansible.files + states.length,
    findings: findings.sorted(),
    vms: findings.vms,
    targets: [...findings.targets].sort(),
    unread: findings.unread,
  };
  return { report, tofu, instances };
}

function statesIn(root: string, files: readonly string[], findings: Findings): { absolute: string; file: string }[] {
  return files.flatMap((file) => {
    if (/\.tfstate(\.backup)?$/.test(file))
      return file.endsWith(".backup") ? [] : [{ absolute: join(root, file), file }];
    if (!/\.(json|txt|list|out)$/.test(file) || CODE_FILE.test(file)) return [];
    const read = readText(join(root, file), file, STATE_LIMIT);
    if ("problem" in read) {
      if (/state/.test(file)) findings.add("file_unreadable", { file, line: 1, column: 1 }, read.detail);
      return [];
    }
    const list =
      /\.(txt|list|out)$/.test(file) && isStateList(read.text) && /(_|\.)(vm|run|resource|host)/.test(read.text);
    return list || looksLikeState(file, read.text) ? [{ absolute: join(root, file), file }] : [];
  });
}

/** The worst grade of a report; undefined when nothing was found. */
export function worst(report: AuditReport): Grade | undefined {
  const grades = new Set(report.findings.map((one) => one.grade));
  return (["blocker", "change", "works"] as const).find((one) => grades.has(one));
}
