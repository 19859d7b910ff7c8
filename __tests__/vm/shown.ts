// docs/phase1-poc.md shows what a machine said. What a machine says now is held against it, line by line.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../support/document";

const DOCUMENT = "docs/phase1-poc.md";
/** What the document leaves out. */
const LEFT_OUT = "...";
const VARYING: readonly (readonly [RegExp, string])[] = [
  // A hang-up is seen as the one or the other, by when it comes.
  [/(the receiver cannot be reached: ).+/, "$1<cause>"],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"],
  [/\b(?:[0-9A-F]{2}:){5}[0-9A-F]{2}\b/g, "<mac>"],
  [/\b[0-9a-f]{7,64}\b/g, "<hash>"],
  [/\b\d+ (?:s|min|h|d)\b/g, "<duration>"],
  [/\d+/g, "<number>"],
  [/\s+/g, " "],
];

/** The names and addresses of the test as the document has them. */
export function neutral(text: string): string {
  return text
    .replace(/\bvmtest([/-])life\b/g, "dev$1nexus-01")
    .replace(/\bvmtest\b/g, "dev")
    .replace(/http:\/\/10\.0\.2\.100:\d+\/webhook/g, "http://192.0.2.20:9191/webhook")
    .replace(/http:\/\/10\.0\.2\.100:\d+\/ansible\.git( life\b)?/g, (_all, ref?: string) => {
      return `http://git.example/ansible.git${ref === undefined ? "" : " main"}`;
    })
    .replace(/\blife\b/g, "nexus-01")
    .replace(/10\.0\.2\.15\b/g, "192.0.2.10")
    .replace(/10\.0\.2\.100:\d+/g, "192.0.2.20")
    .replace(/127\.0\.0\.1:\d+/g, "localhost:9191");
}

/** A line without what is another one each time. */
function shape(line: string): string {
  return VARYING.reduce((text, [pattern, sign]) => text.replace(pattern, sign), line).trim();
}

/** The lines of `shown` that `seen` does not have, in that order. */
export function notSeen(shown: string, seen: string): readonly string[] {
  const lines = neutral(seen).split(/\r?\n/).map(shape);
  let from = 0;
  return shown.split("\n").filter((line) => {
    if (line.trim() === "" || line.trim() === LEFT_OUT || line.startsWith("$ ")) return false;
    const found = lines.indexOf(shape(line), from);
    if (found >= 0) from = found + 1;
    return found < 0;
  });
}

/** The block of the document below `<!-- seen: NAME -->`; the folder keeps what was seen, to make the document of. */
export function expectShown(name: string, seen: string, folder: string): void {
  writeFileSync(join(folder, `seen-${name}.txt`), neutral(seen));
  const block = new RegExp(`<!-- seen: ${name} -->\n+\`\`\`\\w*\n([^]*?)^\`\`\`$`, "m").exec(
    readDocument(DOCUMENT),
  )?.[1];
  assert.ok(block !== undefined, `${DOCUMENT} shows ${name}`);
  assert.deepEqual(notSeen(block, seen), [], `lines of ${name} in ${DOCUMENT} that the machine did not say`);
}
