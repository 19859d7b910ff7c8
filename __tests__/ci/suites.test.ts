// The patterns by which the steps of .ci/Makefile name suites; what none of them names, its step conformance-rest runs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";

/** Files of the clone with this ending; folders of packages and of what is built are left out. */
function suites(below = ""): string[] {
  return readdirSync(join(REPOSITORY, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.isDirectory()) return /^(?:node_modules|dist|\.git|cdktf\.out)$/.test(entry.name) ? [] : suites(path);
    return path.endsWith(".conformance.ts") ? [path] : [];
  });
}

it("names suites with patterns of which each finds one, and none finds another's", () => {
  const makefile = readFileSync(join(REPOSITORY, ".ci", "Makefile"), "utf8");
  const patterns = [...makefile.matchAll(/tasks conformance (.*)$/gm)].map(([, pattern = ""]) =>
    pattern.replace(/'/g, ""),
  );
  const found = patterns.map((pattern) => suites().filter((path) => new RegExp(pattern).test(path)));
  expect(patterns.filter((_, index) => found[index]?.length === 0)).toEqual([]);
  const all = found.flat();
  expect(all.filter((path, index) => all.indexOf(path) !== index)).toEqual([]);
  expect(all.length).toBeGreaterThan(10);
});
