// docs/reference/errors.md out of the catalogue, and where in the sources each code is used.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE, type ErrorCode } from "../../lib/errors";
import { OVERRULABLE } from "../../lib/validation/overrulable";
import { ROOT } from "./program";
import { cell } from "./markdown";

/** Where codes are reported; the catalogue itself does not count. */
const SOURCES = ["lib", "environments"];
const CATALOGUE_FILE = join(ROOT, "lib", "error-catalogue.ts");

export const CODES = Object.keys(CATALOGUE) as ErrorCode[];

/** docs/reference/errors.md. */
export function errorsPage(): string {
  const rows = CODES.map((code) => {
    const { expected, remedy } = CATALOGUE[code];
    const mark = (OVERRULABLE as readonly string[]).includes(code) ? " &sup1;" : "";
    return `| <a id="${code}"></a>\`${code}\`${mark} | ${cell(expected)} | ${cell(remedy)} |`;
  });
  return [
    "# Errors",
    "",
    "Generated from lib/error-catalogue.ts. A message is `[construct's path] code: prop: got ..., expected ...; remedy`;",
    "the text of a message may be more exact than the one here. Synthesis shows the problems of the whole tree together.",
    "A tree with problems that is synthesized all the same (`skipValidation`, `Testing.synth`) has no plan: OpenTofu's error is",
    "the same list.",
    "",
    'A code with &sup1; can be overruled for one VM that knows better, and is a warning then: `overrule: ["gateway_invalid"]`.',
    "",
    "| code | expected | what to do |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** The codes of which the sources hold the name in quotes or as the beginning of a message. */
export function usedCodes(): ErrorCode[] {
  const text = SOURCES.flatMap((folder) => sourcesBelow(join(ROOT, folder))).join("\n");
  return CODES.filter((code) => new RegExp(`["'\`]${code}(?:["'\`]|: )`).test(text));
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /^(?!.*\.(?:test|conformance)\.ts$).*\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path !== CATALOGUE_FILE)
    .map((path) => readFileSync(path, "utf8"));
}
