// The tables in PostgreSQL, and how they come to be.
import type pg from "pg";
import { StoreError } from "./port";

/** What leads from one format to the next; the format's number is how many were done. */
const MIGRATIONS = [
  `
CREATE TABLE head (one boolean PRIMARY KEY DEFAULT true CHECK (one), position bigint NOT NULL, version bigint NOT NULL);
INSERT INTO head (position, version) VALUES (0, 0);
CREATE TABLE events (
  position bigint PRIMARY KEY, received bigint NOT NULL, fleet text NOT NULL, vm text NOT NULL,
  id text NOT NULL, event text NOT NULL, UNIQUE (fleet, vm, id)
);
CREATE INDEX events_of_vm ON events (fleet, vm, position);
CREATE TABLE vms (
  fleet text NOT NULL, vm text NOT NULL, state text NOT NULL, version bigint NOT NULL, PRIMARY KEY (fleet, vm)
) WITH (fillfactor = 70);
CREATE INDEX vms_changed ON vms (version);
CREATE TABLE bases (
  fleet text NOT NULL, vm text NOT NULL, through bigint NOT NULL, state text NOT NULL, PRIMARY KEY (fleet, vm)
);
CREATE TABLE requests (
  ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE, kind text NOT NULL,
  fleet text NOT NULL, vm text, digest text NOT NULL, answer text NOT NULL, counts boolean NOT NULL
);
CREATE INDEX requests_newest ON requests (kind, fleet, vm, ordinal);
CREATE TABLE kept (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);
`,
  // A state is a few KB and is written again and again: packing it and putting it aside costs more than it spares.
  "ALTER TABLE vms SET (toast_tuple_target = 8160)",
  // The states of an older database are of an unknown fold.
  `CREATE TABLE folded (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), through bigint NOT NULL, format bigint NOT NULL
);
INSERT INTO folded (through, format) VALUES (0, 0);`,
];

/** How many were done to a database of this receiver's. */
export const FORMAT = MIGRATIONS.length;

/** Any number that is nobody else's. */
const LOCK = 7_093_191;
const OLDEST_SERVER = 140_000;

/** Brings the tables to this receiver's format, once, whoever else starts at the same time. */
export async function migrate(client: pg.ClientBase): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await checkServer(client);
    await client.query("CREATE TABLE IF NOT EXISTS format (number integer NOT NULL)");
    const { rows } = await client.query<{ number: number }>("SELECT number FROM format");
    await advance(client, rows[0]?.number ?? 0);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function advance(client: pg.ClientBase, format: number): Promise<void> {
  if (format > MIGRATIONS.length)
    throw refuse(`the database's format is ${format}, this receiver knows ${MIGRATIONS.length}; upgrade it`);
  if (format === MIGRATIONS.length) return;
  for (const migration of MIGRATIONS.slice(format)) await client.query(migration);
  await client.query("DELETE FROM format");
  await client.query("INSERT INTO format VALUES ($1)", [MIGRATIONS.length]);
}

async function checkServer(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: number; fsync: string; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
       current_setting('server_encoding') AS encoding`,
  );
  const { version = 0, fsync, encoding } = rows[0] ?? {};
  if (version < OLDEST_SERVER) throw refuse(`PostgreSQL 14 or newer is needed; this server is ${version}`);
  if (encoding !== "UTF8") throw refuse(`the database's encoding is ${encoding}; create it with ENCODING 'UTF8'`);
  // What is acknowledged must be on stable storage, and without it nothing is.
  if (fsync !== "on") throw refuse("the server runs with fsync = off, which loses what was acknowledged; turn it on");
}

function refuse(message: string): StoreError {
  return new StoreError("store_unavailable", message);
}
