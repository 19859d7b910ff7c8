// `npx tsx __tests__/vm/run.ts [--keep] [CASE...]`: real machines, one after the other. --keep leaves the folders of those that
// passed, too: serial logs, and what docs/phase1-poc.md shows.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CASES } from "./cases";
import { keepEvidence, Testbed } from "./testbed";

const LAST_LINES = 40;

async function runCase(testbed: Testbed, name: string, keep: boolean): Promise<boolean> {
  const started = Date.now();
  const machine = testbed.machine(name);
  const took = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  try {
    const said = await CASES[name]?.(testbed, machine, name);
    await machine.kill();
    if (keep) process.stdout.write(`  kept: ${machine.folder}\n`);
    else rmSync(machine.folder, { recursive: true, force: true });
    process.stdout.write(`ok ${name} (${took()}): ${said}\n`);
    return true;
  } catch (error) {
    process.stdout.write(`NOT OK ${name} (${took()}): ${error instanceof Error ? error.stack : String(error)}\n`);
    const folder = await keepEvidence(machine);
    process.stdout.write(`  logs: ${folder}\n${lastWords(folder)}`);
    return false;
  }
}

/** For a log that outlives the folder. */
function lastWords(folder: string): string {
  const names = readdirSync(folder).filter((name) => /^console-\d+\.log$|^agent\.log$/.test(name));
  const ends = names.map((name) => [name, readFileSync(join(folder, name), "utf8").split("\n").slice(-LAST_LINES)]);
  return ends.map(([name, lines]) => `  --- the end of ${String(name)}\n${(lines as string[]).join("\n")}\n`).join("");
}

async function main(args: readonly string[]): Promise<number> {
  const keep = args.includes("--keep");
  const asked = args.filter((arg) => arg !== "--keep");
  const unknown = asked.filter((name) => !(name in CASES));
  if (unknown.length > 0) {
    process.stderr.write(`no such case: ${unknown.join(", ")} (there are: ${Object.keys(CASES).join(", ")})\n`);
    return 2;
  }
  const testbed = await Testbed.open();
  process.stdout.write(`processor: ${testbed.processorName}\n`);
  let failures = 0;
  try {
    for (const name of asked.length > 0 ? asked : Object.keys(CASES))
      failures += (await runCase(testbed, name, keep)) ? 0 : 1;
  } finally {
    await testbed.close();
  }
  return failures === 0 ? 0 : 1;
}

// So that the machines end with us: support/processes ends its children at exit.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(3);
  },
);
