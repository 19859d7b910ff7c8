// Writes docs/reference/{api,errors,props}.md from the docstrings, the error catalogue and props.json, and
// docs/troubleshooting.md from the contract's reasons.
//   npm run docs                 rewrites them
//   npm run docs -- --props      prints the path of every prop: what props.json must have a row for
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiPage } from "./reference/api";
import { errorsPage } from "./reference/errors";
import { readLibrary, ROOT, type Library } from "./reference/program";
import { propPaths, propsPage, readPropRows } from "./reference/props";
import { troubleshootingPage } from "./reference/troubleshooting";

export const REFERENCE = join(ROOT, "docs", "reference");

/** Every generated page by its name below docs/reference. */
export function pages(library: Library): Record<string, string> {
  return {
    "api.md": apiPage(library),
    "errors.md": errorsPage(),
    "props.md": propsPage(propPaths(library), readPropRows()),
    "../troubleshooting.md": troubleshootingPage(),
  };
}

function main(): void {
  const library = readLibrary();
  if (process.argv.includes("--props")) return console.log(propPaths(library).join("\n"));
  mkdirSync(REFERENCE, { recursive: true });
  for (const [name, text] of Object.entries(pages(library))) writeFileSync(join(REFERENCE, name), text);
}

if (require.main === module) main();
