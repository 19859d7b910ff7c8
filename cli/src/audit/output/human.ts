// The report for people: what blocks first, then by file.
import { paint, type Colour, type Terminal } from "../../terminal";
import { RULES } from "../rules";
import type { AuditReport, Finding, Grade } from "../types";

const NAMES: Readonly<Record<Grade, string>> = { blocker: "blocker", change: "change", works: "works" };
const COLOURS: Readonly<Record<Grade, Colour>> = { blocker: "red", change: "yellow", works: "green" };

export function human(report: AuditReport, terminal: Terminal): string {
  const blocks = (["blocker", "change", "works"] as const).flatMap((grade) => ofGrade(report, grade, terminal));
  return [...blocks, ...machines(report), ...notes(report), summary(report)].join("\n");
}

/** One rule at a time, its reason once, its places below. */
function ofGrade(report: AuditReport, grade: Grade, terminal: Terminal): string[] {
  const groups = new Map<string, Finding[]>();
  for (const one of report.findings.filter((finding) => finding.grade === grade)) {
    const key = `${one.code}\0${one.why}\0${one.remedy}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].flatMap((findings) => {
    const [first] = findings as [Finding];
    const title = RULES.get(first.code)?.title ?? first.code;
    return [
      `${paint(terminal, COLOURS[grade], NAMES[grade])}  ${paint(terminal, "bold", title)} (${first.code})`,
      ...findings.map((one) => `  ${one.file}:${one.line}  ${one.what}`),
      `  why:    ${first.why}`,
      `  remedy: ${first.remedy}`,
      "",
    ];
  });
}

function machines({ vms }: AuditReport): string[] {
  if (vms.length === 0) return [];
  const lines = vms.slice(0, 200).map((one) => {
    const by = one.configuredBy.length === 0 ? "" : `  configured by ${one.configuredBy.join(", ")}`;
    return `  ${one.address}  ${one.file}:${one.line}${by}`;
  });
  const more = vms.length > 200 ? [`  and ${vms.length - 200} more`] : [];
  return [`${vms.length} VM${vms.length === 1 ? "" : "s"}:`, ...lines, ...more, ""];
}

function notes({ unread, targets }: AuditReport): string[] {
  const notRead = unread.map((one) => `  ${one.file}:${one.line}  ${one.what}`);
  const lines = unread.length === 0 ? [] : ["not read:", ...notRead, ""];
  return targets.length === 0 ? lines : [...lines, `plays are for: ${targets.join(", ")}`, ""];
}

function summary({ findings, files }: AuditReport): string {
  const count = (grade: Grade): number => findings.filter((one) => one.grade === grade).length;
  const what = `${count("blocker")} blockers, ${count("change")} to change, ${count("works")} that work`;
  return `${files} files read: ${what}`;
}
