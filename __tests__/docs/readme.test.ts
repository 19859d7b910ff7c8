import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { Testing } from "cdktf";
import { blockOf, pageOf, ROOT, runProgram } from "./example";

const README = pageOf("README.md");
const block = (language: string, containing: string): string => blockOf(README, language, containing);

/** Runs the README's program, changed if need be, and gives its stack's JSON. */
const runExample = (change: (code: string) => string = (code) => code) =>
  runProgram(change(block("ts", "new NexusVmPull")));

test("the example synthesizes the VM that the README shows", () => {
  Testing.app();
  const [vm] = Object.values(runExample().resource.proxmox_virtual_environment_vm ?? {}) as Record<string, unknown>[];
  expect(vm).toEqual({ ...JSON.parse(block("json", "ignore_changes")), "//": expect.anything() });
});

test("wrong input gives the errors that the README shows", () => {
  const wrong = (code: string) => code.replace('"nexus-01"', '"Nexus_01"').replace('192.0.2.1"', '198.51.100.1"');
  let message = "";
  try {
    runExample(wrong);
  } catch (error) {
    message = String((error as Error).message);
  }
  for (const line of block("text", "vm_name_invalid").trim().split("\n")) expect(message).toContain(line.trim());
  expect(message.match(/^ {2}\[/gm)).toHaveLength(2);
});

test("npm run synth prints what the README shows, with no program but node", () => {
  const tsx = require.resolve("tsx/cli");
  // No terraform, no tofu, no git, no shell: a fresh machine has Node and nothing else.
  const bare = { cwd: ROOT, encoding: "utf8", env: { PATH: "", HOME: tmpdir() } } as const;
  const printed = execFileSync(process.execPath, [tsx, "main.ts"], bare);
  const shown = block("console", "npm run synth").split("\n").slice(1).join("\n");
  expect(printed.trim()).toBe(shown.trim());
});
