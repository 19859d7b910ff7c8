// `nexus-pull runs VM`
import type { Run } from "../context";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { detailOf, findOne } from "../receiver/vms";
import { quote, table } from "../text";

export interface RunsOptions {
  readonly vm: string;
  readonly fleet?: string;
  readonly json: boolean;
}

export const run: Run<RunsOptions> = async (options, context) => {
  const access = accessOf(context);
  const { runs } = await detailOf(access, await findOne(access, options.vm, options.fleet));
  if (options.json) context.terminal.out(JSON.stringify(runs, null, 2));
  else context.terminal.out(runLines(runs, context.terminal.columns).join("\n"));
  return EXIT.ok;
};

function runLines(runs: readonly Readonly<Record<string, unknown>>[], columns: number): string[] {
  if (runs.length === 0) return ["no runs yet"];
  const cell = (run: Readonly<Record<string, unknown>>, name: string): string =>
    run[name] === undefined ? "-" : quote(String(run[name]));
  const names = ["started", "run_id", "outcome", "changed", "duration_s", "reason"];
  return table([names, ...runs.map((run) => names.map((name) => cell(run, name)))], columns);
}
