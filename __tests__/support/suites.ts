// Suites that need real programs: one that is not there skips its suite, loudly; under CI it fails it.
import { hasTool, ToolMissingError, type ToolName } from "../../lab/host/tools";

// Five seconds, jest's own limit, is little for a program that downloads, signs or derives keys on a busy machine.
const TEST_MS = 120_000;

/**
 * A `describe` that needs programs; its tests may take two minutes each. When one is missing the suite is skipped and says so in one line;
 * with CI set in the environment it fails instead.
 */
export function describeWith(names: readonly ToolName[], title: string, suite: () => void): void {
  jest.setTimeout(TEST_MS);
  const missing = names.filter((name) => !hasTool(name));
  const why = missing.map((name) => new ToolMissingError(name).message).join("; ");
  describeUnless(missing.length === 0 ? undefined : why, title, suite);
}

/** The same for anything else that a machine may lack: `problem` says what that is, and is undefined where it is there. */
export function describeUnless(problem: string | undefined, title: string, suite: () => void): void {
  if (problem === undefined) {
    describe(title, suite);
    return;
  }
  if (process.env.CI !== undefined && process.env.CI !== "") {
    describe(title, () => {
      it("has what it needs", () => {
        throw new Error(problem);
      });
    });
    return;
  }
  // Not console: jest wraps that in a stack trace, and one line is what gets read.
  process.stderr.write(`SKIPPED ${title}: ${problem}\n`);
  describe.skip(title, suite);
}
