// The audit's measure: labelled trees after the shapes of public repositories, and clean ones with words that look alike.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { audit } from "./audit";
import { readFixtures, writeFixture, type Fixture } from "./fixtures";
import { RULES } from "./rules";

const FOLDER = join(__dirname, "fixtures");
const pushed = readFixtures(join(FOLDER, "push"));
const clean = readFixtures(join(FOLDER, "clean"));

async function findingsIn(fixture: Fixture): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "nexus-pull-audit-"));
  try {
    writeFixture(fixture, folder);
    const { report } = await audit(folder);
    return report.findings.map(({ file, line, code }) => `${file}:${line} ${code}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("there are at least 60 labelled trees and 20 clean ones, and every rule has a label", () => {
  expect(pushed.length).toBeGreaterThanOrEqual(60);
  expect(clean.length).toBeGreaterThanOrEqual(20);
  const labelled = new Set(pushed.flatMap(({ labels }) => labels.map((one) => one.split(" ")[1])));
  const rules = [...RULES.values()].filter(({ half }) => half !== "file").map(({ code }) => code);
  expect(rules.filter((code) => !labelled.has(code))).toEqual([]);
  expect(clean.flatMap(({ labels }) => labels)).toEqual([]);
});

test("precision and recall are at least 0.95 each", async () => {
  const wrong: string[] = [];
  let [right, extra, missed] = [0, 0, 0];
  for (const fixture of [...pushed, ...clean]) {
    const labels = new Set(fixture.labels);
    const found = new Set(await findingsIn(fixture));
    for (const one of found) {
      if (labels.has(one)) right++;
      else wrong.push(`${fixture.name}: extra ${one}`);
      if (!labels.has(one)) extra++;
    }
    for (const one of labels) {
      if (found.has(one)) continue;
      missed++;
      wrong.push(`${fixture.name}: missed ${one}`);
    }
  }
  const [precision, recall] = [right / (right + extra), right / (right + missed)];
  const figures = `${right} right, ${extra} extra, ${missed} missed: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`;
  process.stdout.write(
    `audit: ${pushed.length} labelled and ${clean.length} clean trees; ${figures}\n${wrong.join("\n")}\n`,
  );
  expect(precision).toBeGreaterThanOrEqual(0.95);
  expect(recall).toBeGreaterThanOrEqual(0.95);
});
