// `nexus-pull complete bash|zsh|fish`: prints the shell's script, which asks this program again for each completion.
import { buildProgram } from "./program";
import type { ProgramContext } from "./program-context";

export async function complete(argv: readonly string[], given: ProgramContext): Promise<void> {
  const { default: addCompletion } = await import("@bomb.sh/tab/commander");
  const program = buildProgram(given, () => undefined);
  addCompletion(program);
  const words = argv[0] === "completion" ? ["complete", ...argv.slice(1)] : argv;
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch {
    // Commander has said what is wrong.
    process.exitCode = 2;
  }
}
