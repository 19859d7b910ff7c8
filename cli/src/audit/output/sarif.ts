// SARIF 2.1.0, as code hosts read it.
import { RULES } from "../rules";
import type { AuditReport, Finding, Grade } from "../types";

const LEVELS: Readonly<Record<Grade, "error" | "warning" | "note">> = {
  blocker: "error",
  change: "warning",
  works: "note",
};

export function sarif(report: AuditReport, version: string): object {
  const codes = [...new Set(report.findings.map(({ code }) => code))].sort();
  const driver = {
    name: "nexus-pull audit",
    version,
    rules: codes.map((code) => {
      const rule = RULES.get(code)!;
      return {
        id: code,
        shortDescription: { text: rule.title },
        fullDescription: { text: rule.why },
        help: { text: rule.remedy },
        defaultConfiguration: { level: LEVELS[rule.grade] },
      };
    }),
  };
  const results = report.findings.map((one) => result(one, codes));
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [{ tool: { driver }, columnKind: "utf16CodeUnits", results }],
  };
}

function result(one: Finding, codes: readonly string[]): object {
  return {
    ruleId: one.code,
    ruleIndex: codes.indexOf(one.code),
    level: LEVELS[one.grade],
    message: { text: `${one.what}: ${one.why}. Remedy: ${one.remedy}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: one.file.split("/").map(encodeURIComponent).join("/") },
          region: { startLine: one.line, startColumn: one.column },
        },
      },
    ],
    properties: { grade: one.grade },
  };
}
