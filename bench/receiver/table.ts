import { arch, cpus, loadavg } from "node:os";
import { ratioOf, rounded, type Row, verdictOf } from "./row";

/** Where it was measured, as far as a number depends on it. */
export interface Machine {
  readonly cores: number;
  readonly node: string;
  readonly arch: string;
  /** Load averages of the last minute, before and after. */
  readonly load: readonly [number, number];
}

export const loadNow = (): number => loadavg()[0] ?? 0;

export function machine(loadBefore: number): Machine {
  return { cores: cpus().length, node: process.version, arch: arch(), load: [loadBefore, loadNow()] };
}

export function short(value: number): string {
  return rounded(value).toLocaleString("en", { maximumFractionDigits: 2, useGrouping: true });
}

const withUnit = (value: number, unit: string): string => (unit === "" ? short(value) : `${short(value)} ${unit}`);

function cells(row: Row): readonly string[] {
  const wanted = `${row.better === "higher" ? ">=" : "<="} ${withUnit(row.wanted, row.unit)}`;
  const seen = withUnit(row.seen, row.unit);
  return [row.name, wanted, seen, short(ratioOf(row)), verdictOf(row), row.note ?? ""];
}

/** Of the goal: how much of it is reached, 1 is just held. */
const HEAD = ["goal", "wanted", "seen", "of the goal", "", "made of"];

/** Columns as wide as what is in them, so that it reads as text and as Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(3, ...lines.map((line) => (line[column] ?? "").length)));
  const text = (line: readonly string[]): string =>
    `| ${widths.map((width, column) => (line[column] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [text(HEAD), rule, ...lines.slice(1).map(text)].join("\n");
}

export function machineLine({ cores, node, arch: of, load }: Machine): string {
  const [before, after] = load.map((one) => one.toFixed(1));
  return `${cores} cores (${of}), Node ${node}, load ${before} before and ${after} after.`;
}
