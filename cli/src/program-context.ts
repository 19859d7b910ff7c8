// What the program is made of, as its parts share it.
import type { AuditCommandOptions } from "./commands/audit";
import type { EventsOptions } from "./commands/events";
import type { OperateOptions } from "./commands/operate";
import type { RunsOptions } from "./commands/runs";
import type { StatusOptions } from "./commands/status";
import type { WaitOptions } from "./commands/wait";
import type { WhyOptions } from "./commands/why";
import type { CommandContext, Run } from "./context";

/** Loads a command when it is called. */
type Load<Options> = () => Promise<{ readonly run: Run<Options> }>;

export interface Commands {
  readonly audit: Load<AuditCommandOptions>;
  readonly wait: Load<WaitOptions>;
  readonly status: Load<StatusOptions>;
  readonly why: Load<WhyOptions>;
  readonly events: Load<EventsOptions>;
  readonly runs: Load<RunsOptions>;
  readonly operate: Load<OperateOptions>;
}

/** What the program is built with. */
export interface ProgramContext {
  readonly context: CommandContext;
  readonly commands: Commands;
}

export type Done = (status: number) => void;

export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((one) => `  ${one}`).join("\n")}`;
}
