// The commands that speak to a receiver.
import type { Command } from "commander";
import { examples, type Done, type ProgramContext } from "./program-context";

const FLEET = "fleet of the VMs, where a name is in several";

export function addReceiverCommands(program: Command, given: ProgramContext, done: Done): void {
  addWait(program, given, done);
  addStatus(program, given, done);
  addWhy(program, given, done);
  addHistory(program, given, done);
  addChanges(program, given, done);
}

interface WaitFlags {
  readonly fleet?: string;
  readonly all?: true;
  readonly stack?: string;
  readonly timeout: string;
  readonly commit?: string;
  readonly json?: true;
  readonly quiet?: true;
}

function addWait(program: Command, { context, commands }: ProgramContext, done: Done): void {
  program
    .command("wait")
    .description("until VMs are Configured; for a pipeline's verify job")
    .argument("[vm...]", "name, fleet/name, address or instance id")
    .option("--fleet <fleet>", FLEET)
    .option("--all", "every VM that the receiver expects")
    .option("--stack <file>", "VMs of `tofu output -json` or of a synthesized stack; - is standard input")
    .option("--timeout <time>", "how long to wait in all: 90s, 30m, 2h", "30m")
    .option("--commit <sha>", "only a run of this commit counts")
    .option("--json", "the results as JSON")
    .option("--quiet", "only results, no progress")
    .addHelpText(
      "after",
      examples([
        "nexus-pull wait nexus-01 --timeout 30m",
        "nexus-pull wait 192.0.2.10",
        "tofu output -json | nexus-pull wait --fleet prod --stack -",
        'nexus-pull wait --all --fleet prod --commit "$(git rev-parse HEAD)"',
      ]),
    )
    .action(async (words: string[], flags: WaitFlags) => {
      const { run } = await commands.wait();
      const { all, json, quiet, ...rest } = flags;
      const given = { all: all === true, json: json === true, quiet: quiet === true };
      done(await run({ ...rest, ...given, words }, context));
    });
}

interface StatusFlags {
  readonly fleet?: string;
  readonly phase?: string;
  readonly query?: string;
  readonly all?: true;
  readonly watch?: true;
  readonly json?: true;
}

function addStatus(program: Command, { context, commands }: ProgramContext, done: Done): void {
  program
    .command("status")
    .description("the fleet: a summary, and what is wrong first")
    .option("--fleet <fleet>", "only this fleet")
    .option("--phase <phase>", "only VMs in this phase")
    .option("--query <words>", "only VMs with these words in name, address, commit, reason or message")
    .option("--all", "VMs that are well, too")
    .option("--watch", "stays, and shows every change")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      examples(["nexus-pull status", "nexus-pull status --phase Failed", "nexus-pull status --watch"]),
    )
    .action(async ({ all, watch, json, ...rest }: StatusFlags) => {
      const { run } = await commands.status();
      done(await run({ ...rest, all: all === true, watch: watch === true, json: json === true }, context));
    });
}

function addWhy(program: Command, { context, commands }: ProgramContext, done: Done): void {
  program
    .command("why")
    .description("why a VM is as it is, and what to do; or what a code means")
    .argument("[vm]", "name, fleet/name, address or instance id")
    .option("--code <code>", "explains a code of the contract, without a receiver")
    .option("--fleet <fleet>", FLEET)
    .option("--json", "as JSON")
    .addHelpText("after", examples(["nexus-pull why nexus-01", "nexus-pull why --code git_auth_failed"]))
    .action(async (vm: string | undefined, flags: { code?: string; fleet?: string; json?: true }) => {
      const { run } = await commands.why();
      done(await run({ vm, code: flags.code, fleet: flags.fleet, json: flags.json === true }, context));
    });
}

function addHistory(program: Command, { context, commands }: ProgramContext, done: Done): void {
  program
    .command("events")
    .description("the log, oldest first")
    .argument("[vm]", "only this VM's")
    .option("--fleet <fleet>", FLEET)
    .option("--follow", "stays, and shows what comes")
    .option("--json", "one JSON object a line")
    .addHelpText("after", examples(["nexus-pull events nexus-01", "nexus-pull events --follow --json"]))
    .action(async (vm: string | undefined, flags: { fleet?: string; follow?: true; json?: true }) => {
      const { run } = await commands.events();
      done(await run({ vm, fleet: flags.fleet, follow: flags.follow === true, json: flags.json === true }, context));
    });
  program
    .command("runs")
    .description("a VM's runs: when, how they ended, what changed")
    .argument("<vm>", "name, fleet/name, address or instance id")
    .option("--fleet <fleet>", FLEET)
    .option("--json", "as JSON")
    .addHelpText("after", examples(["nexus-pull runs nexus-01"]))
    .action(async (vm: string, flags: { fleet?: string; json?: true }) => {
      const { run } = await commands.runs();
      done(await run({ vm, fleet: flags.fleet, json: flags.json === true }, context));
    });
}

function addChanges(program: Command, { context, commands }: ProgramContext, done: Done): void {
  const add = (action: "retire" | "acknowledge", description: string): void => {
    program
      .command(action)
      .description(description)
      .argument("<vm...>", "names, fleet/names, addresses or instance ids")
      .option("--fleet <fleet>", FLEET)
      .option("--json", "one JSON object a line")
      .addHelpText("after", examples([`nexus-pull ${action} nexus-01`]))
      .action(async (vms: string[], flags: { fleet?: string; json?: true }) => {
        const { run } = await commands.operate();
        done(await run({ action, vms, fleet: flags.fleet, json: flags.json === true }, context));
      });
  };
  add("retire", "says that a VM is no longer expected (needs NEXUS_PULL_SECRET)");
  add("acknowledge", "says that somebody looks after a VM (needs NEXUS_PULL_SECRET)");
}
