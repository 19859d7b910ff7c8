// The commands and their options. What a command does is loaded when it is called, so that --help and completion are quick.
import { Command, CommanderError, Option } from "commander";
import { addReceiverCommands } from "./program-receiver";
import type { CommandContext } from "./context";
import { examples, type Done, type ProgramContext } from "./program-context";
import { CliError } from "./errors";
import { EXIT, MEANINGS } from "./exit-codes";
import { VERSION } from "./version";

const COLLECT = (value: string, before: string[]): string[] => [...before, value];

/** Builds the program; `done` gets the exit status of the command that ran. */
export function buildProgram(given: ProgramContext, done: Done): Command {
  const { context } = given;
  const program = new Command("nexus-pull");
  program
    .description("VMs that configure themselves: from a push repository to pull, and what became of each VM.")
    .version(VERSION)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.out(text.trimEnd()),
      writeErr: (text) => context.terminal.err(text.trimEnd()),
    })
    .addHelpText("after", `\n${settingsHelp()}\n\n${exitHelp()}`);
  addAudit(program, given, done);
  addReceiverCommands(program, given, done);
  return program;
}

function settingsHelp(): string {
  return [
    "Environment:",
    "  NEXUS_PULL_URL     address of the receiver, e.g. https://receiver.example:9191",
    "  NEXUS_PULL_TOKEN   token that reads from the receiver",
    "  NEXUS_PULL_SECRET  operator secret, for commands that change something",
    "  NO_COLOR, CI       no colour, no live output",
  ].join("\n");
}

function exitHelp(): string {
  return ["Exit status:", ...MEANINGS.map(([status, meaning]) => `  ${String(status).padEnd(4)} ${meaning}`)].join(
    "\n",
  );
}

function addAudit(program: Command, { context, commands }: ProgramContext, done: Done): void {
  program
    .command("audit")
    .description("what of a push repository does not work when each VM configures itself")
    .argument("<path>", "folder with OpenTofu and Ansible code")
    .addOption(
      new Option("--format <format>", "form of the report").choices(["human", "json", "sarif"]).default("human"),
    )
    .option("--json", "the same as --format json")
    .option(
      "--state <file>",
      "output of `tofu state list` or `tofu show -json`, or a state file; repeatable",
      COLLECT,
      [],
    )
    .option("--output <file>", "writes the report to a file instead")
    .addHelpText("after", examples(["nexus-pull audit .", "nexus-pull audit . --format sarif --output audit.sarif"]))
    .action(
      async (
        path: string,
        options: { format: "human" | "json" | "sarif"; json?: true; state: string[]; output?: string },
      ) => {
        const { run } = await commands.audit();
        const format = options.json === true ? "json" : options.format;
        done(await run({ path, format, state: options.state, output: options.output }, context));
      },
    );
}

/** Runs one command line and returns its exit status. */
export async function runProgram(argv: readonly string[], given: ProgramContext): Promise<number> {
  let status: number = EXIT.ok;
  const program = buildProgram(given, (got) => (status = got));
  try {
    await program.parseAsync([...argv], { from: "user" });
    return status;
  } catch (error) {
    return report(error, given.context);
  }
}

function report(error: unknown, { terminal, interrupted }: CommandContext): number {
  if (interrupted.aborted) return EXIT.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known = error instanceof CliError ? error : fromReceiver(error);
  terminal.err(`nexus-pull: [${known.code}] ${known.message}\n  remedy: ${known.remedy}`);
  return known.exit;
}

/** What the client's errors are to a user. By name: the client is loaded only by commands that use it. */
function fromReceiver(error: unknown): CliError {
  const { name, message, problem } = error as Error & { problem?: { code: string; remedy?: string } };
  const reachable = "check NEXUS_PULL_URL and the network; curl -fsS $NEXUS_PULL_URL/healthz";
  if (name === "UnreachableError") return new CliError("receiver_unreachable", message, reachable, EXIT.receiver);
  if (name === "NoReceiverError") return new CliError("no_receiver", message, reachable, EXIT.receiver);
  if (name !== "RefusedError") throw error;
  const remedy = problem?.remedy ?? "nexus-pull why --code explains the code";
  return new CliError(problem?.code ?? "refused", message, remedy, EXIT.receiver);
}
