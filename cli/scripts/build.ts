// Bundles the program: one small entry, and a chunk for each command, so that it starts quickly. Beside it the
// WebAssembly files of the HCL parser, and the licences of all that is in the bundle.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const ROOT = join(__dirname, "..");
const DIST = join(ROOT, "dist");
const GRAMMAR = "@tree-sitter-grammars/tree-sitter-hcl";

/** ES modules have neither `require` nor `__filename`; CommonJS in the bundle wants both. */
const BANNER = `import { createRequire as nexusRequire } from "node:module";
import { dirname as nexusDirname } from "node:path";
import { fileURLToPath as nexusPath } from "node:url";
const require = nexusRequire(import.meta.url), __filename = nexusPath(import.meta.url), __dirname = nexusDirname(__filename);
const BUNDLE_FOLDER = __dirname;`;

async function main(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  const result = await build({
    entryPoints: { "nexus-pull": join(ROOT, "src", "main.ts") },
    outdir: DIST,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunk-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.9",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    metafile: true,
    // Some packages' `main` is a UMD file that a bundler cannot follow.
    mainFields: ["module", "main"],
    banner: { js: BANNER },
  });
  const entry = join(DIST, "nexus-pull.mjs");
  writeFileSync(entry, `#!/usr/bin/env node\n${readFileSync(entry, "utf8")}`);
  chmodSync(entry, 0o755);
  copyFileSync(require.resolve("web-tree-sitter/web-tree-sitter.wasm"), join(DIST, "web-tree-sitter.wasm"));
  copyFileSync(join(folderOf(GRAMMAR), "tree-sitter-hcl.wasm"), join(DIST, "tree-sitter-hcl.wasm"));
  const packages = new Set([...Object.keys(result.metafile.inputs).flatMap(packageOf), GRAMMAR]);
  writeFileSync(join(DIST, "THIRD-PARTY-LICENSES.txt"), [...packages].sort().map(licence).join("\n"));
}

function folderOf(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}

/** The package that a bundled file belongs to. */
function packageOf(path: string): string[] {
  const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
  return found === null ? [] : [found[1]!];
}

function licence(name: string): string {
  const folder = packageFolder(name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, string>;
  const texts = ["LICENSE", "LICENSE.md", "license", "LICENCE", "LICENSE.txt"].flatMap((file) => {
    try {
      return [readFileSync(join(folder, file), "utf8").trim()];
    } catch {
      return [];
    }
  });
  return `${name} ${version ?? ""} (${license ?? "?"})\n\n${texts[0] ?? "see its repository"}\n\n${"-".repeat(80)}\n`;
}

/** Not every package exports its package.json. */
function packageFolder(name: string): string {
  for (const base of require.resolve.paths(name) ?? []) {
    try {
      readFileSync(join(base, name, "package.json"));
      return join(base, name);
    } catch {
      // The next one.
    }
  }
  throw new Error(`no folder of ${name}`);
}

void main();
