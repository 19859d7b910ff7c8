// Runs a command line in this process, as the tests need it.
import * as audit from "./commands/audit";
import type { CommandContext } from "./context";
import { runProgram, type Commands } from "./program";

const commands: Commands = { audit: async () => audit };

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export async function runForTest(argv: readonly string[], given: Partial<CommandContext> = {}): Promise<Ran> {
  let [out, err] = ["", ""];
  const terminal = {
    out: (text: string) => void (out += `${text}\n`),
    err: (text: string) => void (err += `${text}\n`),
    interactive: false,
    colour: false,
    columns: 100,
  };
  const context = {
    terminal,
    env: {},
    cwd: process.cwd(),
    interrupted: new AbortController().signal,
    now: Date.now,
    ...given,
  };
  const status = await runProgram(argv, { context, commands });
  return { status, out, err };
}
