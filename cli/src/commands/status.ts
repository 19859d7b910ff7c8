// `nexus-pull status`: the summary, and what is wrong first; readable for a thousand VMs.
import { follow } from "@nexus-pull/client";
import type { CommandContext, Run } from "../context";
import { EXIT } from "../exit-codes";
import { accessOf } from "../receiver/access";
import { allVms, type Vm } from "../receiver/vms";
import { paint, type Colour, type Terminal } from "../terminal";
import { ago, quote, table } from "../text";

export interface StatusOptions {
  readonly fleet?: string;
  readonly phase?: string;
  readonly query?: string;
  readonly all: boolean;
  readonly watch: boolean;
  readonly json: boolean;
}

/** What needs somebody comes first. */
const ORDER = [
  "Failed",
  "Overdue",
  "Drifted",
  "Stale",
  "Superseded",
  "Expected",
  "Booted",
  "Bootstrapping",
  "Configuring",
];
const COLOURS: Readonly<Record<string, Colour>> = {
  Failed: "red",
  Overdue: "red",
  Drifted: "yellow",
  Stale: "yellow",
  Configured: "green",
};

export const run: Run<StatusOptions> = async (options, context) => {
  const access = accessOf(context);
  const once = async (): Promise<void> => {
    const { summary, vms } = await allVms(access, { fleet: options.fleet, q: options.query, phase: options.phase });
    if (options.json) return context.terminal.out(JSON.stringify({ summary, vms }, null, 2));
    context.terminal.out(lines(summary, vms, options, context).join("\n"));
  };
  await once();
  if (!options.watch) return EXIT.ok;
  for await (const frame of follow(access, { path: "/status/stream", signal: context.interrupted })) {
    // The first frames are what was just shown; each later one says that something changed.
    if (frame.data.includes('"reset":true')) continue;
    if (context.terminal.interactive) context.terminal.out("\u001b[2J\u001b[H");
    await once();
  }
  return EXIT.interrupted;
};

function rank(vm: Vm): number {
  const at = ORDER.indexOf(vm.phase);
  return at < 0 ? ORDER.length : at;
}

function lines(
  summary: { total: number; phases: Readonly<Record<string, number>> },
  vms: readonly Vm[],
  options: StatusOptions,
  context: CommandContext,
): string[] {
  const { terminal } = context;
  const wanted = options.all || options.phase !== undefined || options.query !== undefined;
  const shown = vms
    .filter((one) => wanted || ORDER.includes(one.phase))
    .sort((a, b) => rank(a) - rank(b) || (a.vm < b.vm ? -1 : 1));
  const rows = shown.map((one) => [
    `${one.fleet}/${one.vm}`,
    one.phase,
    ago(one.since, context.now()),
    one.reason,
    quote(one.message ?? "", 200),
  ]);
  const body = table(rows, terminal.columns).map((line, index) => coloured(terminal, line, shown[index]?.phase ?? ""));
  const rest = vms.length - shown.length;
  return [totals(summary, terminal), ...body, ...(rest > 0 ? [`${rest} more are well; --all lists them`] : [])];
}

function coloured(terminal: Terminal, line: string, phase: string): string {
  const colour = COLOURS[phase];
  return colour === undefined ? line : paint(terminal, colour, line);
}

function totals(summary: { total: number; phases: Readonly<Record<string, number>> }, terminal: Terminal): string {
  const parts = Object.entries(summary.phases).map(([phase, count]) => coloured(terminal, `${count} ${phase}`, phase));
  return [`${summary.total} VMs`, ...parts].join(", ");
}
