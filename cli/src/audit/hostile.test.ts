// Trees that want the audit to crash, hang, follow them out or write to the terminal.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { audit } from "./audit";

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "nexus-pull-hostile-"))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

const codes = async (): Promise<string[]> =>
  (await audit(root)).report.findings.map(({ file, code }) => `${file} ${code}`);

test.each([
  ["roles/x/tasks/main.yml", "[".repeat(100_000), "file_syntax"],
  ["roles/x/tasks/main.yml", "- ".repeat(50_000), "file_syntax"],
  ["roles/x/tasks/main.yml", `- a: "${"x".repeat(2 * 1024 * 1024)}"`, "file_too_large"],
  ["roles/x/tasks/main.yml", Buffer.from([0x2d, 0x20, 0xff, 0xfe]), "file_unreadable"],
  ["roles/x/tasks/main.yml", Buffer.from("- a: \0\n"), "file_unreadable"],
  ["roles/x/tasks/main.yml", "- a: [1\n- b: {\n", "file_syntax"],
  ["main.tf", `a = ${"[".repeat(50_000)}`, "file_syntax"],
  ["main.tf", 'x "y" {'.repeat(300), "file_syntax"],
  ["main.tf", `x = "${"a".repeat(3 * 1024 * 1024)}"`, "file_too_large"],
  ["main.tf", Buffer.from([0xff, 0xfe, 0x00]), "file_unreadable"],
  ["main.tf.json", "{".repeat(100_000), "file_syntax"],
  ["main.tf.json", `{"resource":${"[".repeat(200_000)}`, "file_syntax"],
  ["terraform.tfstate", "no json", "file_syntax"],
  ["terraform.tfstate", "[".repeat(200_000), "file_syntax"],
])("%s with hostile content is a finding, never a crash (%#)", async (path, content, code) => {
  write(path, content);
  expect(await codes()).toContain(`${path} ${code}`);
});

test("aliases that multiply are read in bounded time", async () => {
  const levels = Array.from(
    { length: 40 },
    (_, index) => `  x${index + 1}: &x${index + 1} [*x${index}, *x${index}, *x${index}]`,
  );
  write(
    "site.yml",
    `- hosts: all\n  vars: &x0 [lol]\n${levels.join("\n")}\n  tasks:\n    - ping:\n      delegate_to: a\n`,
  );
  const started = Date.now();
  expect(await codes()).toContain("site.yml delegate_to");
  expect(Date.now() - started).toBeLessThan(20_000);
});

test("substitutions that are nested without end are looked at in bounded depth", async () => {
  const command = `ansible-playbook ${"$(".repeat(40_000)}`;
  write(
    "main.tf",
    `resource "null_resource" "a" {\n  provisioner "local-exec" {\n    command = "${command}"\n  }\n}\n`,
  );
  expect(await codes()).toContain("main.tf local_exec_ansible");
});

test("an alias of itself ends", async () => {
  write("site.yml", "- hosts: all\n  tasks: &t\n    - block: *t\n    - ping:\n      run_once: true\n");
  expect(await codes()).toContain("site.yml run_once");
});

// With Node alone there is no program that makes one; in CI it must be there.
const hasFifos = process.env.CI !== undefined || spawnSync("mkfifo", ["--version"]).error === undefined;

(hasFifos ? test : test.skip)("a FIFO does not hold the audit (needs mkfifo)", async () => {
  execFileSync("mkfifo", [join(root, "site.yml")]);
  expect(await codes()).toEqual([]);
});

test("a link out of the tree is a finding and is not followed", async () => {
  symlinkSync("/etc", join(root, "etc"));
  symlinkSync(".", join(root, "loop"));
  symlinkSync("nowhere", join(root, "dangling.yml"));
  expect((await codes()).sort()).toEqual(["dangling.yml outside_repository", "etc outside_repository"]);
});

test("names and texts with control characters are shown without them", async () => {
  write("a\u001b[31m.tf", 'resource "null_resource" "x\u001b]0;t" {\n provisioner "remote-exec" {}\n}\n');
  const { report } = await audit(root);
  expect(report.findings.length).toBeGreaterThan(0);
  expect(JSON.stringify(report.findings)).not.toMatch(/\\u001b/);
});

test("a file without rights is a finding", async () => {
  write("site.yml", "- hosts: all\n");
  chmodSync(join(root, "site.yml"), 0);
  const found = await codes();
  // Root reads everything.
  expect(found).toEqual(process.getuid?.() === 0 ? [] : ["site.yml file_unreadable"]);
});

test("a module that calls itself ends, and is judged once", async () => {
  write("main.tf", 'module "self" {\n  source = "./"\n}\nresource "ansible_host" "a" {\n  name = "a"\n}\n');
  expect(await codes()).toEqual(["main.tf ansible_provider"]);
});

test("a module from elsewhere is listed as not read, not passed over", async () => {
  write("main.tf", 'module "vm" {\n  source = "git::https://example.org/vm.git"\n}\n');
  const { report } = await audit(root);
  expect(report.unread).toEqual([
    expect.objectContaining({ file: "main.tf", line: 1, what: expect.stringContaining("git::https") }),
  ]);
});

test("thousands of findings in one file are cut, and said to be", async () => {
  write("site.yml", `- hosts: all\n  tasks:\n${"    - pause:\n".repeat(5000)}`);
  const found = await codes();
  expect(found.length).toBe(2001);
  expect(found).toContain("site.yml too_much");
});

test("machines are listed with what configures them, through modules and locals", async () => {
  write("main.tf", 'module "web" {\n  source = "./vm"\n}\n');
  write(
    "vm/main.tf",
    `locals {
  ip = proxmox_virtual_environment_vm.this.ipv4_addresses
}
resource "proxmox_virtual_environment_vm" "this" {
  node_name = "pve"
}
resource "null_resource" "run" {
  triggers = { ip = local.ip }
  provisioner "local-exec" {
    command = "ansible-playbook site.yml"
  }
}
`,
  );
  const { report } = await audit(root);
  expect(report.vms).toEqual([
    expect.objectContaining({
      address: "module.web.proxmox_virtual_environment_vm.this",
      file: "vm/main.tf",
      line: 4,
      configuredBy: ["module.web.null_resource.run"],
    }),
  ]);
});
