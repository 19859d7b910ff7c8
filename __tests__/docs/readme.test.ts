import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transformSync } from "@swc/core";
import { Testing } from "cdktf";

const ROOT = join(__dirname, "..", "..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");

function block(language: string, containing: string): string {
  const blocks = [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    (match) => match[1] ?? "",
  );
  const found = blocks.find((text) => text.includes(containing));
  if (found === undefined) throw new Error(`README has no ${language} block with ${containing}`);
  return found;
}

/** Runs the README's program, changed if need be, and gives its stack's JSON. */
function runExample(change: (code: string) => string = (code) => code): {
  resource: Record<string, Record<string, unknown>>;
} {
  const outdir = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    const code = change(block("ts", "new NexusVmPull")).replace(
      "new App()",
      `new App({ outdir: ${JSON.stringify(outdir)} })`,
    );
    const { code: script } = transformSync(code, {
      jsc: { parser: { syntax: "typescript" } },
      module: { type: "commonjs" },
    });
    const load = (name: string): unknown => jest.requireActual(name === "nexus-vm-pull" ? join(ROOT, "lib") : name);
    new Function("require", "exports", script)(load, {});
    return JSON.parse(readFileSync(join(outdir, "stacks/dev/cdk.tf.json"), "utf8"));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

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
