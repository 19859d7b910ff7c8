// What a document of this repository shows, for tests that hold it to what happens.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";

/** A document's text. */
export function readDocument(path: string): string {
  return readFileSync(join(REPOSITORY, path), "utf8");
}

/**
 * The fenced block of that language that contains a text.
 *
 * @throws Error - there is none
 */
export function fencedBlock(document: string, language: string, containing: string): string {
  const blocks = [...document.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))];
  const found = blocks.map(([, text = ""]) => text).find((text) => text.includes(containing));
  if (found === undefined) throw new Error(`no ${language} block with ${containing}`);
  return found;
}

/**
 * The section below a heading, up to the next one.
 *
 * @throws Error - there is no such heading
 */
export function section(document: string, heading: string): string {
  const start = document.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`no section ${heading}`);
  const end = document.indexOf("\n## ", start + 1);
  return document.slice(start, end < 0 ? undefined : end);
}
