// dist/ of the package: one program with the contract in it, its licences, and the dashboard's files beside it.
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Metafile } from "esbuild";
import { dependencies } from "../package.json";

const receiver = resolve(__dirname, "..");
const dist = join(receiver, "dist");

/** Folders of the packages of others that went into the program. */
function packagesIn({ inputs }: Metafile): string[] {
  const folders = Object.keys(inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(resolve(path))?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

/** Their licences ask for a copy of themselves. */
function licencesOf(folders: readonly string[]): string {
  const texts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
      string,
      string
    >;
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    // Some name their licence without a copy of it.
    const text = file === undefined ? `${license} licence` : readFileSync(join(folder, file), "utf8").trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function main(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const outfile = join(dist, "nexus-pull-receiver.js");
  const { metafile } = await build({
    entryPoints: [join(receiver, "src", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.9",
    format: "cjs",
    // The contract is private to this repository, so it goes in, and so does what would bring packages along that ask for
    // a newer Node than we do. Dependencies stay outside: libsql's is of a platform.
    external: Object.keys(dependencies),
    metafile: true,
    logLevel: "warning",
  });
  chmodSync(outfile, 0o755);
  writeFileSync(join(dist, "LICENSES.txt"), licencesOf(packagesIn(metafile)));
  cpSync(join(receiver, "dashboard"), join(dist, "dashboard"), {
    recursive: true,
    filter: (source) => !source.endsWith("tsconfig.json"),
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
