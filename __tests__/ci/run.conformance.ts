// `.ci/run` with a Makefile of the test's own: what it says of steps that pass, that fail, and that never ran.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../lab/host/tools";

jest.setTimeout(60_000);

const COMMON = `step = .ci/step $@
alone = last
.PHONY: first second third last
print-alone: ; @echo $(alone)
print-first: ; @echo second
`;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nexus-pull-ci-"));
  cpSync(join(REPOSITORY, ".ci"), join(folder, ".ci"), { recursive: true });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(makefile: string, ...args: string[]): { status: number | null; lines: string[] } {
  writeFileSync(join(folder, ".ci", "Makefile"), COMMON + makefile);
  const env = { PATH: process.env.PATH, TMPDIR: folder, CI_JOBS: "2" };
  const { status, stdout } = spawnSync(join(folder, ".ci", "run"), args, { encoding: "utf8", env, timeout: 50_000 });
  return { status, lines: stdout.trimEnd().split("\n") };
}

/** The rows of the closing table: what became of each step. */
const rows = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    lines
      .map((line) => /^(ok|FAIL|NOT RUN) +[\d-]+ +[\d-]+ {2}([a-z-]+)/.exec(line))
      .filter((match) => match !== null)
      .map(([, status = "", name = ""]) => [name, status]),
  );

it("ends with 0 and the sum when every step passes, and shows no log", () => {
  const { status, lines } = run(
    "first: second\n\t$(step) echo of-first\nsecond:\n\t$(step) true\nlast:\n\t$(step) true\n",
  );
  expect(rows(lines)).toEqual({ first: "ok", second: "ok", last: "ok" });
  expect([status, lines.at(-1)]).toEqual([0, "3 passed, 0 failed"]);
});

it("runs the others when one fails, shows its log, and counts what could not run as failed", () => {
  const fails = "$(step) sh -c 'echo the reason; exit 7'";
  const { status, lines } = run(
    `first: second\n\t$(step) true\nsecond:\n\t${fails}\nthird:\n\t$(step) true\nlast:\n\t$(step) true\n`,
  );
  expect(rows(lines)).toEqual({ first: "NOT RUN", second: "FAIL", third: "ok", last: "ok" });
  expect(lines).toContain("the reason");
  expect([status, lines.at(-1)]).toEqual([1, "2 passed, 2 failed"]);
});

it("runs what stands alone after all others", () => {
  const { lines } = run("last:\n\t$(step) test -e .ci/done\nfirst:\n\t$(step) sh -c 'sleep 0.3; : >.ci/done'\n");
  expect(lines.at(-1)).toBe("2 passed, 0 failed");
});

it("runs what stands in `first` before the rest, so that nothing is passed over because its need was not there yet", () => {
  const { lines } = run(
    "third:\n\t$(step) true\nfirst: second\n\t$(step) true\nsecond:\n\t$(step) sleep 0.3\nlast:\n\t$(step) true\n",
  );
  expect(Object.keys(rows(lines))[0]).toBe("second");
  expect(lines.at(-1)).toBe("4 passed, 0 failed");
});

it("runs a named step and what it needs, and no other", () => {
  const makefile = "first: second\n\t$(step) true\nsecond:\n\t$(step) true\nthird:\n\t$(step) false\n";
  const { status, lines } = run(makefile, "first");
  expect(rows(lines)).toEqual({ second: "ok", first: "ok" });
  expect(status).toBe(0);
});

it("fails for a name that no step has", () => {
  const { status, lines } = run("first:\n\t$(step) true\n", "frist");
  expect([status, lines.at(-1)]).toEqual([1, "0 passed, 1 failed"]);
});
