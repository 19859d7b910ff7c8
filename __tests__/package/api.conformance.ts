// The public API is what api/nexus-vm-pull.public.api.md says, and every public member of ours has a docstring.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reportApi } from "../../scripts/api-report";
import { REPOSITORY } from "../../lab/host/tools";

jest.setTimeout(180_000);

const REPORT = "nexus-vm-pull.public.api.md";
let folder: string;

beforeAll(() => {
  const build = spawnSync("npm", ["run", "build"], { cwd: REPOSITORY, encoding: "utf8" });
  if (build.status !== 0) throw new Error(build.stdout + build.stderr);
  // In dist/: the declarations need the repository's node_modules above them.
  mkdirSync(join(REPOSITORY, "dist"), { recursive: true });
  folder = mkdtempSync(join(REPOSITORY, "dist", "api-test-"));
  cpSync(join(REPOSITORY, "dist", "lib"), join(folder, "dist", "lib"), { recursive: true });
  cpSync(join(REPOSITORY, "dist", ".gen"), join(folder, "dist", ".gen"), { recursive: true });
  cpSync(join(REPOSITORY, "api"), join(folder, "api"), { recursive: true });
  for (const name of ["package.json", "tsconfig.json"]) cpSync(join(REPOSITORY, name), join(folder, name));
  writeFileSync(
    join(folder, "tsconfig.build.json"),
    JSON.stringify({ extends: "./tsconfig.json", include: ["dist"], exclude: [] }),
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const check = () => reportApi({ check: true, config: join(folder, "api", "api-extractor.json") });

function edit(file: string, change: (text: string) => string): void {
  const path = join(folder, file);
  const before = readFileSync(path, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`nothing to change in ${file}`);
  writeFileSync(path, after);
}

it("is the committed report", () => {
  expect(reportApi({ check: true })).toEqual([]);
});

it("has no internal member in it", () => {
  const report = readFileSync(join(REPOSITORY, "api", REPORT), "utf8");
  // Members of Git and Receiver that are marked @internal.
  expect(report).not.toMatch(/readonly source: GitSource|register\(vm: VmRegistration\)|@internal/);
  expect(report).toContain("static https(url: string");
});

it("fails when the report differs from the declarations", () => {
  expect(check()).toEqual([]);
  edit(join("api", REPORT), (text) => text.replace("static keepVm(): ChangePolicy;\n", ""));
  expect(check()).toEqual([expect.stringMatching(/api-report/)]);
});

it("fails when a public member has no docstring", () => {
  edit("dist/lib/nexus-vm-pull.d.ts", (text) => text.replace(/\/\*\*[^/]*\*\/\s*(readonly fleet:)/, "$1"));
  expect(check()).toContainEqual(expect.stringMatching(/Missing documentation for "fleet"/));
});
