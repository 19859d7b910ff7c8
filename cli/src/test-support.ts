// Runs a command line in this process, as the tests need it.
import * as audit from "./commands/audit";
import * as events from "./commands/events";
import * as operate from "./commands/operate";
import * as runs from "./commands/runs";
import * as status from "./commands/status";
import * as wait from "./commands/wait";
import * as why from "./commands/why";
import type { CommandContext } from "./context";
import { runProgram } from "./program";
import type { Commands } from "./program-context";

const commands: Commands = {
  audit: async () => audit,
  events: async () => events,
  operate: async () => operate,
  runs: async () => runs,
  status: async () => status,
  wait: async () => wait,
  why: async () => why,
};

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
  const exit = await runProgram(argv, { context, commands });
  return { status: exit, out, err };
}
