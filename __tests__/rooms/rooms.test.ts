import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(__dirname, "..", "..");

// In a process of its own, because jest cannot load ESLint's configuration; as text, so that no file appears in the tree.
const LINT = `
  const { ESLint } = require("eslint");
  const files = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const eslint = new ESLint();
  Promise.all(Object.entries(files).map(async ([filePath, text]) => {
    const [result] = await eslint.lintText(text, { filePath });
    return [filePath, result.messages.map((message) => message.ruleId)];
  })).then((seen) => process.stdout.write(JSON.stringify(Object.fromEntries(seen))));
`;

/** What the project's own linter says of these texts at these places. */
function lint(files: Record<string, string>): Record<string, (string | null)[]> {
  const output = execFileSync(process.execPath, ["-e", LINT], {
    cwd: ROOT,
    encoding: "utf8",
    input: JSON.stringify(files),
  });
  return JSON.parse(output) as Record<string, (string | null)[]>;
}

const use = (name: string, from: string) => `import { ${name} } from "${from}";\n\nexport const used = ${name};\n`;

test("an arrow against the direction of the rooms, or in a circle, is an error", () => {
  const forbidden = {
    "contract/probe.ts": use("describeFinding", "../lib/errors"),
    "receiver/src/probe.ts": use("short", "../../bench/receiver/table"),
    "bench/receiver/probe.ts": use("Seed", "../../lib/seed/seed"),
    "lib/validation/probe.ts": use("Seed", "../seed/seed"),
    "lib/templates/probe.ts": use("ProxmoxProvider", "../../.gen/providers/proxmox/provider"),
    "lib/proxmox/probe.ts": use("NexusVmPull", "../nexus-vm-pull"),
    "lab/services/probe.ts": use("describeWith", "../../__tests__/support/suites"),
    "bench/receiver/another-probe.ts": use("describeWith", "../../__tests__/support/suites"),
    "receiver/src/another-probe.ts": use("start", "../../lab/host/processes"),
    "lab/pve/world/probe.ts": use("LOGIN_PATH", "../api/router"),
    "client/probe.ts": use("start", "../lab/host/processes"),
    "lab/host/probe.ts": use("GitServer", "../services/git-server"),
    "lib/opentofu/probe.ts": use("parseDuration", "../ansible-pull/duration"),
  };
  // expressions.ts imports literals.ts: an arrow back closes a circle.
  const circle = { "lib/opentofu/literals.ts": use("expression", "./expressions") };
  const allowed = { "lib/proxmox/another-probe.ts": use("ProxmoxProvider", "../../.gen/providers/proxmox/provider") };
  const seen = lint({ ...forbidden, ...circle, ...allowed });
  const expected = [
    ...Object.keys(forbidden).map((path) => [path, ["import-x/no-restricted-paths"]]),
    ...Object.keys(circle).map((path) => [path, ["import-x/no-cycle"]]),
    ...Object.keys(allowed).map((path) => [path, []]),
  ];
  expect(seen).toEqual(Object.fromEntries(expected));
});

test("contract/ and client/ are imported by their names alone, from inside by a path", () => {
  const forbidden = {
    "receiver/src/probe.ts": use("deriveVmKey", "../../contract"),
    "receiver/src/probe.test.ts": use("deriveVmKey", "../../contract/keys"),
    "lib/ansible-pull/probe.ts": use("deriveVmKey", "../../contract/index"),
    "lab/services/probe.ts": use("baseOf", "../../client"),
    "__tests__/support/probe.ts": use("keys", "../../contract/vectors/keys.json"),
  };
  const allowed = {
    "lib/probe.ts": use("deriveVmKey", "@nexus-pull/contract"),
    "lib/another-probe.ts": use("deriveVmKey", "@nexus-pull/contract/keys"),
    "contract/probe.ts": use("deriveVmKey", "./keys"),
    // A file of that name in a room is nobody's package.
    "receiver/src/store/probe.ts": use("storeContract", "./contract"),
  };
  const byName = (files: object) => Object.keys(files).map((path) => [path, ["no-restricted-imports"]]);
  const nothing = Object.keys(allowed).map((path) => [path, []]);
  expect(lint({ ...forbidden, ...allowed })).toEqual(Object.fromEntries([...byName(forbidden), ...nothing]));
});
