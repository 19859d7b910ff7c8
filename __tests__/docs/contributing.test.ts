import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

jest.setTimeout(120_000);

const ROOT = join(__dirname, "..", "..");
const CONTRIBUTING = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");

/** The commands that CONTRIBUTING gives for one file: npm's script, and the path. */
const commands = [...CONTRIBUTING.matchAll(/^\$ npm (?:run )?(test[\w:]*) -- (\S+)$/gm)].map(
  ([, script = "", path = ""]) => [script, path] as const,
);

/** The test files that a script of package.json runs when it gets a path; one that watches only lists them as well. */
function listed(script: string, path: string): string[] {
  const args = ["run", "--silent", script, "--", path, "--listTests", "--no-watch"];
  const output = execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", timeout: 60_000 });
  return output.split("\n").flatMap((line) => (line.startsWith(ROOT) ? relative(ROOT, line) : []));
}

test("there is a command for one file, one that watches, and one for a suite with real programs", () => {
  expect(commands.map(([script]) => script)).toEqual(["test", "test:watch", "test:conformance"]);
});

test.each(commands)("npm run %s -- %s runs what has that path, and nothing else", (script, path) => {
  const files = listed(script, path);
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !file.startsWith(path))).toEqual([]);
});
