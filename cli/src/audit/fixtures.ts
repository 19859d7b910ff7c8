// Labelled trees for the audit's measure: files in one text, `⟦code⟧` at the end of a line that has a finding.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Fixture {
  readonly name: string;
  readonly files: ReadonlyMap<string, string>;
  /** `file:line code`. */
  readonly labels: readonly string[];
}

const LABEL = / ?⟦([a-z_]+)⟧/g;

export function readFixtures(folder: string): Fixture[] {
  return readdirSync(folder)
    .sort()
    .map((name) => parseFixture(name.replace(/\.txtar$/, ""), readFileSync(join(folder, name), "utf8")));
}

function parseFixture(name: string, text: string): Fixture {
  const files = new Map<string, string>();
  const labels: string[] = [];
  for (const part of text.split(/^-- /m).slice(1)) {
    const [head = "", ...lines] = part.split("\n");
    const file = head.replace(/ --$/, "");
    lines.forEach((line, index) => {
      for (const match of line.matchAll(LABEL)) labels.push(`${file}:${index + 1} ${match[1]}`);
    });
    files.set(file, lines.map((line) => line.replace(LABEL, "")).join("\n"));
  }
  return { name, files, labels };
}

/** Writes a fixture's files, without its labels. */
export function writeFixture(fixture: Fixture, folder: string): void {
  for (const [file, text] of fixture.files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}
