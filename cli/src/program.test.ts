import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT, MEANINGS } from "./exit-codes";
import { runForTest } from "./test-support";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "nexus-pull-cli-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("README.md has every exit status with its meaning", () => {
  const readme = readFileSync(join(__dirname, "..", "README.md"), "utf8");
  for (const [status, meaning] of MEANINGS) expect(readme).toMatch(new RegExp(`\\| ${status} +\\| ${meaning} +\\|`));
});

test("a misspelt command is answered with the right one and exit status 2", async () => {
  const { status, err } = await runForTest(["audti"]);
  expect(status).toBe(EXIT.usage);
  expect(err).toContain("Did you mean audit?");
});

test("--help has examples and the exit statuses", async () => {
  const { status, out } = await runForTest(["audit", "--help"]);
  expect(status).toBe(EXIT.ok);
  expect(out).toContain("nexus-pull audit . --format sarif");
  expect((await runForTest(["--help"])).out).toContain("Exit status:");
});

describe("audit", () => {
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  test.each([
    ["- hosts: all\n  tasks: [{ ping: null }]\n", EXIT.ok],
    ["- hosts: all\n  tasks: [{ wait_for_connection: null }]\n", EXIT.ok],
    ["- hosts: all\n  serial: 1\n  tasks: []\n", EXIT.failed],
    ["- hosts: all\n  tasks: [{ ping: null, delegate_to: localhost }]\n", EXIT.blocker],
  ])("ends by the worst grade: %j with %i", async (text, expected) => {
    write("site.yml", text);
    expect((await runForTest(["audit", folder])).status).toBe(expected);
  });

  test("says what, why and the remedy at file and line, without colour off a terminal", async () => {
    write("site.yml", "- hosts: all\n  tasks:\n    - ping:\n      delegate_to: localhost\n");
    const { out } = await runForTest(["audit", folder]);
    expect(out).toMatch(
      /^blocker {2}delegate_to \(delegate_to\)\n {2}site\.yml:4 {2}delegate_to: localhost\n {2}why: .*\n {2}remedy: /,
    );
    expect(out).not.toMatch(/\u001b/);
  });

  test("--json has the findings, --format sarif a log that code hosts take", async () => {
    write("main.tf", 'resource "ansible_host" "a" {\n  name = "a"\n}\n');
    const json = JSON.parse((await runForTest(["audit", folder, "--json"])).out) as { findings: object[] };
    expect(json.findings).toEqual([
      expect.objectContaining({ file: "main.tf", line: 1, code: "ansible_provider", grade: "change" }),
    ]);
    const output = join(folder, "audit.sarif");
    await runForTest(["audit", folder, "--format", "sarif", "--output", output]);
    const sarif = JSON.parse(readFileSync(output, "utf8")) as { version: string; runs: { results: object[] }[] };
    expect(sarif.version).toBe("2.1.0");
    expect(sarif.runs[0]?.results).toEqual([expect.objectContaining({ ruleId: "ansible_provider", level: "warning" })]);
  });

  test("a path that is not there is a usage error with a remedy", async () => {
    const { status, err } = await runForTest(["audit", join(folder, "nothing")]);
    expect(status).toBe(EXIT.usage);
    expect(err).toMatch(/\[path_missing\].*\n {2}remedy: /);
  });
});
