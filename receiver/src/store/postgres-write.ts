// One commit's statements. The records and states of a group are one statement, however many they are.
import type pg from "pg";
import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";
import type { Changes, Head } from "./port";

/** What those who listen are told on. */
export const CHANNEL = "nexus_pull_head";

/** A column as one text, a value a line: as an array's literal, each quote of a value would be escaped and read again. */
const column = (parameter: number): string => `string_to_array($${parameter}, E'\\n')`;

const WRITE = `
WITH e AS (
  INSERT INTO events (position, received, fleet, vm, id, event)
  SELECT * FROM unnest(${column(1)}::bigint[], ${column(2)}::bigint[], ${[3, 4, 5, 6].map(column).join(", ")})
), v AS (
  INSERT INTO vms (fleet, vm, state, version)
  SELECT *, $11::bigint FROM unnest(${[7, 8, 9].map(column).join(", ")})
  ON CONFLICT (fleet, vm) DO UPDATE SET state = excluded.state, version = excluded.version
), n AS (
  SELECT pg_notify('${CHANNEL}', $11::text)
)
UPDATE head SET position = $10::bigint, version = $11::bigint FROM n`;

/** Arrays for unnest, one a column. */
export function columns<T, V>(rows: readonly T[], of: readonly ((row: T) => V)[]): V[][] {
  return of.map((read) => rows.map(read));
}

/** Lines for `column`. No value has a line's end: names and ids have none, and neither has compact JSON. */
function lines<T>(rows: readonly T[], of: readonly ((row: T) => string | number)[]): string[] {
  return columns(rows, of).map((values) => values.join("\n"));
}

function writeValues({ records, vms }: Changes, head: Head): unknown[] {
  return [
    ...lines<LogRecord>(records, [
      ({ position }) => position,
      ({ received }) => received,
      ({ fleet }) => fleet,
      ({ vm }) => vm,
      ({ id }) => id,
      ({ text }) => text,
    ]),
    ...lines<VmState>(vms, [({ fleet }) => fleet, ({ vm }) => vm, (state) => JSON.stringify(state)]),
    head.position,
    head.version,
  ];
}

export async function put(client: pg.ClientBase, changes: Changes, head: Head): Promise<void> {
  await client.query({ name: "write", text: WRITE, values: writeValues(changes, head) });
  for (const { id, kind, fleet, vm, digest, answer, counts } of changes.requests)
    await client.query(
      "INSERT INTO requests (id, kind, fleet, vm, digest, answer, counts) VALUES ($1, $2, $3, $4, $5, $6, $7)",
      [id, kind, fleet, vm, digest, answer, counts],
    );
  for (const { fleet, vm, through, state } of changes.bases ?? []) {
    await client.query(
      `INSERT INTO bases VALUES ($1, $2, $3, $4)
       ON CONFLICT (fleet, vm) DO UPDATE SET through = excluded.through, state = excluded.state`,
      [fleet, vm, through, JSON.stringify(state)],
    );
  }
  for (const { fleet, vm, through } of changes.cuts ?? [])
    await client.query("DELETE FROM events WHERE fleet = $1 AND vm = $2 AND position <= $3", [fleet, vm, through]);
  const { folded } = changes;
  if (folded !== undefined)
    await client.query("UPDATE folded SET through = $1, format = $2", [folded.through, folded.format]);
  for (const [key, value] of changes.kept ?? []) await client.query("INSERT INTO kept VALUES ($1, $2)", [key, value]);
}
