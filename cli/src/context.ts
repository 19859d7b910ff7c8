// What a command gets from outside: nothing of it is global.
import type { Terminal } from "./terminal";

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Ends with an exit status. */
export type Run<Options> = (options: Options, context: CommandContext) => Promise<number>;
