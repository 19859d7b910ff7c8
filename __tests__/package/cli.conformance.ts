// The command line's published package: packed, installed into an empty folder, and used there as a new user would.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "../../lab/host/processes";
import { REPOSITORY } from "../../lab/host/tools";
import { command, INSTALL, packLibrary, shell, type Tarball, temporaryFolder } from "./consumer";

jest.setTimeout(300_000);

const PUSH = `resource "ansible_navigator_run" "configure" {
  playbook = "nexus.yml"
}
`;

let folder: string;
let tarball: Tarball;

beforeAll(async () => {
  folder = temporaryFolder();
  tarball = await packLibrary(folder, join(REPOSITORY, "cli"));
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  await command(folder, "npm", [...INSTALL, tarball.path]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cli = async (args: readonly string[]) =>
  start(join(folder, "node_modules", ".bin", "nexus-pull"), args, { cwd: folder, env: shell() }).ended;

it("holds the program, the parser's WebAssembly, licences and README, and nothing else", () => {
  const allowed = /^(?:package\.json|README\.md|LICENSE|dist\/(?:[\w-]+\.mjs|[\w-]+\.wasm|THIRD-PARTY-LICENSES\.txt))$/;
  expect(tarball.files.filter((file) => !allowed.test(file))).toEqual([]);
  expect(tarball.files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist/nexus-pull.mjs"]));
  const licences = readFileSync(join(folder, "node_modules/nexus-pull/dist/THIRD-PARTY-LICENSES.txt"), "utf8");
  for (const name of ["commander", "web-tree-sitter", "tree-sitter-hcl", "yaml"]) expect(licences).toContain(name);
});

it("has no dependency to install", () => {
  const manifest = JSON.parse(readFileSync(join(folder, "node_modules/nexus-pull/package.json"), "utf8")) as object;
  expect(manifest).not.toHaveProperty("dependencies");
});

it("audits a push repository with its own parser", async () => {
  writeFileSync(join(folder, "main.tf"), PUSH);
  const { status, stdout } = await cli(["audit", "main.tf"]);
  expect([status, stdout]).toEqual([1, expect.stringContaining("main.tf:1  resource ansible_navigator_run.configure")]);
});

it("explains a code without a receiver, and completes words for three shells", async () => {
  expect((await cli(["why", "--code", "dns_failure"])).stdout).toContain("remedy:");
  for (const name of ["bash", "zsh", "fish"]) expect((await cli(["complete", name])).stdout).toContain("nexus-pull");
  expect((await cli(["complete", "--", "au"])).stdout).toMatch(/^audit\t/m);
});
