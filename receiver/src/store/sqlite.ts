import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "libsql";
import type { Event } from "../../../contract";
import { type LogRecord, recordOf } from "../domain/log";
import type { VmState } from "../domain/state";
import { type Changes, type EventQuery, type Store, StoreError, type StoredRequest, type Swap } from "./port";

/** What leads from one format to the next; the format's number is how many were done. */
const MIGRATIONS = [
  `
CREATE TABLE events (
  position INTEGER PRIMARY KEY, received INTEGER NOT NULL, fleet TEXT NOT NULL, vm TEXT NOT NULL,
  id TEXT NOT NULL, event TEXT NOT NULL, UNIQUE (fleet, vm, id)
) STRICT;
CREATE INDEX events_of_vm ON events (fleet, vm, position);
CREATE TABLE vms (
  fleet TEXT NOT NULL, vm TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (fleet, vm)
) STRICT, WITHOUT ROWID;
CREATE TABLE requests (
  ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, fleet TEXT NOT NULL, vm TEXT,
  digest TEXT NOT NULL, answer TEXT NOT NULL, counts INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_newest ON requests (kind, fleet, vm, ordinal);
`,
  "CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;",
];

interface EventRow {
  readonly position: number;
  readonly received: number;
  readonly event: string;
}
interface RequestRow extends Omit<StoredRequest, "vm" | "counts"> {
  readonly vm: string | null;
  readonly counts: number;
}
/** What a statement may be given. */
type Value = string | number | null;

function toRecord({ position, received, event }: EventRow): LogRecord {
  return recordOf(JSON.parse(event) as Event, event, position, received);
}

function toRequest(row: RequestRow | undefined): StoredRequest | undefined {
  if (row === undefined) return undefined;
  const { id, kind, fleet, vm, digest, answer, counts } = row;
  return { id, kind, fleet, ...(vm === null ? {} : { vm }), digest, answer, counts: counts === 1 };
}

/** One file, WAL, one writer. A commit returns when the WAL is flushed (synchronous=FULL). */
export class SqliteStore implements Store {
  private readonly statements = new Map<string, Database.Statement>();

  private constructor(private readonly database: Database.Database) {}

  /** Opens the file, and makes it if need be. Two that write would take the same position, which the second cannot. */
  public static open(path: string): SqliteStore {
    const database = new Database(path);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const store = new SqliteStore(database);
    store.migrate();
    // A new file is only there after a power loss when its directory is flushed; once is enough.
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
    return store;
  }

  private migrate(): void {
    const version = (this.database.pragma("user_version") as { user_version: number }[])[0]?.user_version ?? 0;
    if (version > MIGRATIONS.length)
      throw new StoreError(
        "store_unavailable",
        `the store's format is ${version}, this receiver knows ${MIGRATIONS.length}`,
      );
    // An immediate transaction in any case: it takes the lock now, and not when the first event comes.
    this.database.exec("BEGIN IMMEDIATE");
    for (const migration of MIGRATIONS.slice(version)) this.database.exec(migration);
    this.database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    this.database.exec("COMMIT");
  }

  /** How the engine answers when it is asked, not how it was told. */
  public durability(): { readonly journal: string; readonly synchronous: number } {
    const ask = (pragma: string): unknown => Object.values((this.database.pragma(pragma) as object[])[0] ?? {})[0];
    return { journal: String(ask("journal_mode")), synchronous: Number(ask("synchronous")) };
  }

  public async commit(changes: Changes): Promise<void> {
    try {
      this.database.exec("BEGIN IMMEDIATE");
      this.write(changes);
      this.database.exec("COMMIT");
    } catch (error) {
      this.rollBack();
      throw asStoreError(error);
    }
  }

  private write({ records, vms, requests }: Changes): void {
    const event = this.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)");
    for (const { position, received, fleet, vm, id, text } of records)
      event.run(position, received, fleet, vm, id, text);
    const state = this.prepare("INSERT INTO vms VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state");
    for (const vm of vms) state.run(vm.fleet, vm.vm, JSON.stringify(vm));
    const request = this.prepare("INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)");
    for (const { id, kind, fleet, vm, digest, answer, counts } of requests)
      request.run(id, kind, fleet, vm ?? null, digest, answer, counts ? 1 : 0);
  }

  private rollBack(): void {
    try {
      if (this.database.inTransaction) this.database.exec("ROLLBACK");
    } catch {
      // SQLite rolled back by itself; the error that led here says why.
    }
  }

  private prepare(sql: string): Database.Statement {
    const known = this.statements.get(sql) ?? this.database.prepare(sql);
    this.statements.set(sql, known);
    return known;
  }

  private rows<T>(sql: string, ...values: Value[]): T[] {
    try {
      return this.prepare(sql).all(...values) as T[];
    } catch (error) {
      throw asStoreError(error);
    }
  }

  public async lastPosition(): Promise<number> {
    const [row] = this.rows<{ last: number | null }>("SELECT max(position) AS last FROM events");
    return row?.last ?? 0;
  }

  public async states(): Promise<readonly VmState[]> {
    return this.rows<{ state: string }>("SELECT state FROM vms").map(({ state }) => JSON.parse(state) as VmState);
  }

  public async events({ after, limit, fleet, vm }: EventQuery): Promise<readonly LogRecord[]> {
    const filters = [fleet === undefined ? "" : "AND fleet = ?", vm === undefined ? "" : "AND vm = ?"].join(" ");
    const values = [after, ...[fleet, vm].filter((value) => value !== undefined), limit];
    const sql = `SELECT position, received, event FROM events WHERE position > ? ${filters} ORDER BY position LIMIT ?`;
    return this.rows<EventRow>(sql, ...values).map(toRecord);
  }

  public async newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]> {
    const sql = `SELECT position, received, event FROM events WHERE fleet = ? AND vm = ? ORDER BY position DESC LIMIT ?`;
    return this.rows<EventRow>(sql, fleet, vm, limit).map(toRecord);
  }

  public async find(fleet: string, vm: string, id: string): Promise<string | undefined> {
    const sql = "SELECT event FROM events WHERE fleet = ? AND vm = ? AND id = ?";
    return this.rows<{ event: string }>(sql, fleet, vm, id)[0]?.event;
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    return toRequest(this.rows<RequestRow>("SELECT * FROM requests WHERE id = ?", id)[0]);
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    const filter = vm === undefined ? "" : "AND vm = ?";
    const sql = `SELECT * FROM requests WHERE kind = ? AND fleet = ? ${filter} AND counts = 1 ORDER BY ordinal DESC LIMIT 1`;
    return toRequest(this.rows<RequestRow>(sql, kind, fleet, ...(vm === undefined ? [] : [vm]))[0]);
  }

  public async kept(prefix: string, limit: number): Promise<ReadonlyMap<string, string>> {
    const sql = "SELECT key, value FROM kept WHERE substr(key, 1, length(?)) = ? ORDER BY key LIMIT ?";
    const rows = this.rows<{ key: string; value: string }>(sql, prefix, prefix, limit);
    return new Map(rows.map(({ key, value }) => [key, value]));
  }

  public async swap(key: string, ...change: Swap): Promise<boolean> {
    const [sql, ...values] = swapOf(key, change);
    try {
      return this.prepare(sql).run(...values).changes === 1;
    } catch (error) {
      throw asStoreError(error);
    }
  }

  public async close(): Promise<void> {
    if (this.database.open) this.database.close();
  }
}

function swapOf(key: string, [expected, value]: Swap): [string, ...string[]] {
  if (value === undefined) return ["DELETE FROM kept WHERE key = ? AND value = ?", key, expected];
  if (expected === undefined) return ["INSERT INTO kept VALUES (?, ?) ON CONFLICT DO NOTHING", key, value];
  return ["UPDATE kept SET value = ? WHERE key = ? AND value = ?", value, key, expected];
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = (error as { code?: string }).code ?? "";
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(code === "SQLITE_FULL" ? "store_full" : "store_unavailable", message, { cause: error });
}
