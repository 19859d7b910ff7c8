import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(__dirname, "..", "..", "docs", "benchmarks.md");
const BEGIN = "<!-- bench:receiver -->";
const END = "<!-- /bench:receiver -->";

/** The page with another text between its markers. */
export function between(page: string, text: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no ${BEGIN} ... ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${text}\n\n${page.slice(to)}`;
}

export async function writePage(text: string): Promise<void> {
  const page = between(readFileSync(PAGE, "utf8"), text);
  // Only here: it loads itself in a way that jest cannot.
  const { default: prettier } = await import("prettier");
  const options = { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE };
  writeFileSync(PAGE, await prettier.format(page, options));
}
