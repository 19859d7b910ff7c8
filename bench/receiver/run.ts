// `npm run bench:receiver [-- --only NAME] [--quick] [--write]`: what the receiver is measured by, each against a baseline
// that runs beside it. Ends with 1 when a goal is missed by more than 1.25 times.
import { parseArgs } from "node:util";
import { measure as acks } from "./acks";
import { measure as flush } from "./flush";
import { measure as memory } from "./memory";
import { writePage } from "./page";
import { measure as postgres } from "./postgres";
import { best, type Measurement, type MeasureOptions, type Row, verdictOf } from "./row";
import { measure as sse } from "./sse";
import { measure as status } from "./status";
import { loadNow, machine, machineLine, table } from "./table";

/** In the order of the table. */
const MEASUREMENTS: readonly Measurement[] = [
  { name: "acks", measure: acks },
  { name: "flush", measure: flush },
  { name: "status", measure: status },
  { name: "postgres", measure: postgres },
  { name: "memory", measure: memory },
  { name: "sse", measure: sse },
];

/** Others use the machine as well, and can only take from what is seen: the best of so many attempts counts. */
const ATTEMPTS = 3;

/** Worth another attempt: what is red, or, where there is time, what is missed at all. */
function again(row: Row, quick: boolean): boolean {
  const verdict = verdictOf(row);
  return verdict === "RED" || (verdict === "MISSED" && !quick);
}

async function attempts({ name, measure }: Measurement, options: MeasureOptions): Promise<readonly Row[]> {
  let rows: readonly Row[] = [];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    options.say(`${name}: attempt ${attempt}`);
    rows = best(rows, await measure(options));
    if (!rows.some((row) => again(row, options.quick))) break;
  }
  return rows;
}

function chosen(only: readonly string[]): readonly Measurement[] {
  const names = MEASUREMENTS.map(({ name }) => name);
  for (const name of only)
    if (!names.includes(name))
      throw new Error(`--only ${name}: got an unknown name, expected one of ${names.join(", ")}`);
  return only.length === 0 ? MEASUREMENTS : MEASUREMENTS.filter(({ name }) => only.includes(name));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      quick: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const { only, quick, write } = values;
  if (write && (quick || only.length > 0)) throw new Error("--write needs all measurements in full");
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const before = loadNow();
  const rows: Row[] = [];
  for (const measurement of chosen(only)) rows.push(...(await attempts(measurement, { quick, say })));
  const text = `${machineLine(machine(before))}\n\n${table(rows)}`;
  process.stdout.write(`${text}\n`);
  if (write) await writePage(text);
  process.exitCode = rows.some((row) => verdictOf(row) === "RED") ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`bench:receiver: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(2);
});
