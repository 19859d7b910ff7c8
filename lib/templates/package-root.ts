import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const PACKAGE_NAME = "nexus-vm-pull";
let cachedRoot: string | undefined;

/**
 * The folder that holds this package's own package.json.
 *
 * A walk, not a fixed number of `..`: the sources lie in lib/ and what is published lies in dist/lib/, one level deeper.
 */
export function packageRoot(): string {
  cachedRoot ??= findPackageRoot(__dirname);
  return cachedRoot;
}

/** The text of a file that ships with this package, by its path from the package's root. */
export function readPackageFile(relative: string): string {
  return readFileSync(join(packageRoot(), relative), "utf8");
}

function findPackageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isOurs(join(folder, "package.json"))) return folder;
    if (dirname(folder) === folder) {
      throw new Error(`no package.json named "${PACKAGE_NAME}" above ${start}; install the package whole, not single files of it`);
    }
  }
}

function isOurs(manifest: string): boolean {
  if (!existsSync(manifest)) return false;
  // By name: a consumer's node_modules may put another package's manifest between the file and the root.
  const { name } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown };
  return name === PACKAGE_NAME;
}
