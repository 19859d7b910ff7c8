import { spawnSync } from "node:child_process";
import { join } from "node:path";

// Skipped where it cannot run, so that the run with all tools knows that it is one of its files. There, CI wants it.
const hasPython = Boolean(process.env["CI"]) || spawnSync("python3", ["--version"]).error === undefined;

(hasPython ? test : test.skip)(
  "the vectors hold in Python (needs python3)",
  () => {
    const run = spawnSync("python3", [join(__dirname, "vectors_test.py")], { encoding: "utf8" });
    expect({ status: run.status, error: run.error?.message, stderr: run.stderr }).toMatchObject({
      status: 0,
      error: undefined,
      stderr: expect.stringMatching(/^Ran 3 tests[\s\S]*\nOK\n$/m),
    });
  },
  30_000,
);
