// The commands and their options. What a command does is loaded when it is called, so that --help and completion are quick.
import { Command, CommanderError, Option } from "commander";
import type { AuditCommandOptions } from "./commands/audit";
import type { CommandContext, Run } from "./context";
import { CliError } from "./errors";
import { EXIT, MEANINGS } from "./exit-codes";
import { VERSION } from "./version";

/** Loads a command when it is called. */
type Load<Options> = () => Promise<{ readonly run: Run<Options> }>;

export interface Commands {
  readonly audit: Load<AuditCommandOptions>;
}

/** What the program is built with. */
export interface ProgramContext {
  readonly context: CommandContext;
  readonly commands: Commands;
}

type Done = (status: number) => void;

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

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((one) => `  ${one}`).join("\n")}`;
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
  if (!(error instanceof CliError)) throw error;
  terminal.err(`nexus-pull: [${error.code}] ${error.message}\n  remedy: ${error.remedy}`);
  return error.exit;
}
