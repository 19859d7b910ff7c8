import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const SCRIPT = join(__dirname, "wait-for-webhook.sh");

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "nexus-pull-wrapper-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[]) {
  const program = join(folder, "nexus-pull");
  writeFileSync(program, '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 4\n');
  chmodSync(program, 0o755);
  const env = { PATH: [folder, process.env.PATH].join(delimiter) };
  return spawnSync(SCRIPT, args, { encoding: "utf8", env });
}

test("hands its arguments to nexus-pull wait, and its exit status back", () => {
  const { status, stdout } = run(["192.0.2.10", "--timeout", "5m"]);
  expect([status, stdout]).toEqual([4, "wait\n192.0.2.10\n--timeout\n5m\n"]);
});

test("without a VM it says how it is used", () => {
  const { status, stderr } = run([]);
  expect([status, stderr]).toEqual([2, expect.stringContaining("usage:")]);
});
