// Programs that the documents show, run as they stand there.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "@swc/core";

export const ROOT = join(__dirname, "..", "..");

/** A page's text. */
export function pageOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The page's block in that language with that text in it. @throws Error - there is none */
export function blockOf(page: string, language: string, containing: string): string {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    (match) => match[1] ?? "",
  );
  const found = blocks.find((text) => text.includes(containing));
  if (found === undefined) throw new Error(`no ${language} block with ${containing}`);
  return found;
}

/** Runs a program with an app whose stack is called dev, and gives the stack's JSON. */
export function runProgram(code: string): { resource: Record<string, Record<string, unknown>> } {
  const outdir = mkdtempSync(join(tmpdir(), "nexus-pull-docs-"));
  try {
    const { code: script } = transformSync(
      code.replace("new App()", `new App({ outdir: ${JSON.stringify(outdir)} })`),
      { jsc: { parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    );
    const load = (name: string): unknown => jest.requireActual(name === "nexus-vm-pull" ? join(ROOT, "lib") : name);
    new Function("require", "exports", script)(load, {});
    return JSON.parse(readFileSync(join(outdir, "stacks/dev/cdk.tf.json"), "utf8"));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
