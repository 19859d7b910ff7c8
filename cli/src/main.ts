// The program `nexus-pull`.
import { processTerminal } from "./terminal";
import { runProgram } from "./program";
import { commands } from "./commands";
import type { CommandContext } from "./context";

const COMPLETION = /^(complete|completion)$/;

async function main(): Promise<void> {
  const interrupt = new AbortController();
  process.once("SIGINT", () => interrupt.abort());
  process.once("SIGTERM", () => interrupt.abort());
  const context: CommandContext = {
    terminal: processTerminal(process.stdout, process.stderr, process.env),
    env: process.env,
    cwd: process.cwd(),
    interrupted: interrupt.signal,
    now: Date.now,
  };
  const argv = process.argv.slice(2);
  if (COMPLETION.test(argv[0] ?? "")) {
    const { complete } = await import("./completion.js");
    await complete(argv, { context, commands });
    return;
  }
  process.exitCode = await runProgram(argv, { context, commands });
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

void main();
