import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "libsql";
import type { Event } from "../../../contract";
import { type LogRecord, recordOf } from "../domain/log";
import type { VmState } from "../domain/state";
import {
  type Base,
  type Changes,
  type EventName,
  type EventQuery,
  type Folded,
  type Head,
  isNothing,
  type Loader,
  nameOf,
  type News,
  type Store,
  StoreError,
  type StoredRequest,
  type Swap,
  UNFOLDED,
} from "./port";

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
  `CREATE TABLE bases (
  fleet TEXT NOT NULL, vm TEXT NOT NULL, through INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (fleet, vm)
) STRICT, WITHOUT ROWID;`,
  // The states of an older store are of an unknown fold.
  `CREATE TABLE folded (through INTEGER NOT NULL, format INTEGER NOT NULL) STRICT; INSERT INTO folded VALUES (0, 0);`,
];

interface EventRow {
  readonly position: number;
  readonly received: number;
  readonly event: string;
}
interface RequestRow extends Omit<StoredRequest, "vm" | "counts"> {
  readonly vm: string | null;
  readonly counts: number;
  readonly ordinal: number;
}
/** What a statement may be given. */
type Value = string | number | null;

function toRecord({ position, received, event }: EventRow): LogRecord {
  return recordOf(JSON.parse(event) as Event, event, position, received);
}

function requestOf(row: RequestRow): StoredRequest {
  const { id, kind, fleet, vm, digest, answer, counts } = row;
  return { id, kind, fleet, ...(vm === null ? {} : { vm }), digest, answer, counts: counts === 1 };
}

function asRequest(row: RequestRow | undefined): StoredRequest | undefined {
  return row && requestOf(row);
}

/** Released by the kernel when the process ends, however it ends. */
function lock(path: string): Database.Database {
  const holder = new Database(`${path}.lock`);
  try {
    // In a file of its own, so that backup, export and verify can read the store meanwhile.
    holder.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return holder;
  } catch (error) {
    holder.close();
    if (codeOf(error) !== "SQLITE_BUSY") throw asStoreError(error);
    throw new StoreError(
      "store_unavailable",
      `${path} is used by another receiver; stop that one, or give this one another --data. Several receivers share a PostgreSQL database`,
    );
  }
}

/** On Linux a folder is flushed as a file is. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * So many pages, 16 MiB, are in the WAL before they are copied into the file: a group of events writes a few hundred, most
 * of them again and again, and with SQLite's own 1000 the copying takes more time than the commits.
 */
const CHECKPOINT_PAGES = 4000;

function openFile(path: string): Database.Database {
  const database = new Database(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  return database;
}

/** One file, WAL, one writer. A commit returns when the WAL is flushed (synchronous=FULL). */
export class SqliteStore implements Store {
  public readonly shared = false;
  private readonly statements = new Map<string, Database.Statement>();
  private last = 0;
  private version = 0;

  private constructor(
    private readonly database: Database.Database,
    private readonly holder?: Database.Database,
  ) {}

  /** Opens the file, and makes it if need be. It is this receiver's alone until it is closed. */
  public static open(path: string): SqliteStore {
    const holder = lock(path);
    const store = new SqliteStore(openFile(path), holder);
    store.migrate();
    store.last = store.readLast();
    // A new file is only there after a power loss when its directory is flushed; once is enough.
    flush(dirname(path));
    return store;
  }

  /** To look at a file that a receiver may be using; all that is read is of one moment. */
  public static openToRead(path: string): SqliteStore {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    const store = new SqliteStore(database);
    database.exec("BEGIN");
    store.last = store.readLast();
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

  public async write(since: Head, decide: (news: News) => Promise<Changes>): Promise<Head> {
    const changes = await decide(await this.news(since));
    if (!isNothing(changes)) await this.commit(changes);
    return this.head();
  }

  private head(): Head {
    return { position: this.last, version: this.version };
  }

  /** The one writer is its only user, which knows what it wrote. */
  public async news(since: Head): Promise<News> {
    const { position } = since;
    const records = position === this.last ? [] : await this.events({ after: position, limit: -1 });
    return { head: this.head(), records, vms: [] };
  }

  public async follow(): Promise<void> {
    // There is nobody else.
  }

  public async load(fill: (loader: Loader) => Promise<void>): Promise<void> {
    if (this.readLast() > 0) throw new StoreError("store_unavailable", "the store is not empty");
    this.database.exec("BEGIN IMMEDIATE");
    try {
      const logOf = (fleet: string, vm: string) => this.events({ after: 0, limit: -1, fleet, vm });
      await fill({ put: async (part) => this.put(part), logOf });
      this.database.exec("COMMIT");
    } catch (error) {
      this.rollBack();
      throw isOfSqlite(error) ? asStoreError(error) : error;
    }
    this.last = this.readLast();
  }

  public async check(): Promise<readonly string[]> {
    const found = this.rows<{ integrity_check: string }>("PRAGMA integrity_check").map((row) => row.integrity_check);
    return found.filter((one) => one !== "ok");
  }

  /** A copy of a file that a receiver may be using, as of one moment, on stable storage. */
  public static copy(path: string, to: string): void {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    try {
      database.prepare("VACUUM INTO ?").run(to);
    } catch (error) {
      throw asStoreError(error);
    } finally {
      database.close();
    }
    flush(to);
    flush(dirname(to));
  }

  /** All of it is durable, or none of it is there. */
  public async commit(changes: Changes): Promise<void> {
    try {
      this.database.exec("BEGIN IMMEDIATE");
      this.put(changes);
      this.database.exec("COMMIT");
    } catch (error) {
      this.rollBack();
      throw asStoreError(error);
    }
    this.last = changes.records.at(-1)?.position ?? this.last;
    this.version += 1;
  }

  private put({ records, vms, requests, bases = [], kept = [], folded }: Changes): void {
    const event = this.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)");
    for (const { position, received, fleet, vm, id, text } of records)
      event.run(position, received, fleet, vm, id, text);
    const state = this.prepare("INSERT INTO vms VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state");
    for (const vm of vms) state.run(vm.fleet, vm.vm, JSON.stringify(vm));
    const request = this.prepare("INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)");
    for (const { id, kind, fleet, vm, digest, answer, counts } of requests)
      request.run(id, kind, fleet, vm ?? null, digest, answer, counts ? 1 : 0);
    for (const { fleet, vm, through, state: folded } of bases) {
      this.prepare("INSERT OR REPLACE INTO bases VALUES (?, ?, ?, ?)").run(fleet, vm, through, JSON.stringify(folded));
      this.prepare("DELETE FROM events WHERE fleet = ? AND vm = ? AND position <= ?").run(fleet, vm, through);
    }
    for (const [key, value] of kept) this.prepare("INSERT INTO kept VALUES (?, ?)").run(key, value);
    if (folded !== undefined)
      this.prepare("UPDATE folded SET through = ?, format = ?").run(folded.through, folded.format);
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
    return this.last;
  }

  /** The newest record never goes, so that no position is given twice. */
  private readLast(): number {
    return this.rows<{ last: number | null }>("SELECT max(position) AS last FROM events")[0]?.last ?? 0;
  }

  public async base(fleet: string, vm: string): Promise<Base | undefined> {
    const sql = "SELECT through, state FROM bases WHERE fleet = ? AND vm = ?";
    const [row] = this.rows<{ through: number; state: string }>(sql, fleet, vm);
    return row && { fleet, vm, through: row.through, state: JSON.parse(row.state) as VmState };
  }

  public async requestsAfter(ordinal: number, limit: number) {
    const sql = "SELECT * FROM requests WHERE ordinal > ? ORDER BY ordinal LIMIT ?";
    const rows = this.rows<RequestRow>(sql, ordinal, limit);
    return rows.map((row) => ({ ...requestOf(row), ordinal: row.ordinal }));
  }

  public async states(): Promise<readonly VmState[]> {
    return this.rows<{ state: string }>("SELECT state FROM vms").map(({ state }) => JSON.parse(state) as VmState);
  }

  public async folded(): Promise<Folded> {
    return this.rows<Folded>("SELECT through, format FROM folded")[0] ?? UNFOLDED;
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

  public async texts(names: readonly EventName[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const name of names) {
      const text = await this.find(name.fleet, name.vm, name.id);
      if (text !== undefined) found.set(nameOf(name), text);
    }
    return found;
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    return asRequest(this.rows<RequestRow>("SELECT * FROM requests WHERE id = ?", id)[0]);
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    const filter = vm === undefined ? "" : "AND vm = ?";
    const sql = `SELECT * FROM requests WHERE kind = ? AND fleet = ? ${filter} AND counts = 1 ORDER BY ordinal DESC LIMIT 1`;
    return asRequest(this.rows<RequestRow>(sql, kind, fleet, ...(vm === undefined ? [] : [vm]))[0]);
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
    if (!this.database.open) return;
    try {
      if (this.holder !== undefined) this.rows("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // The file alone would have been the whole store; so the next to open it has the WAL.
    }
    this.database.close();
    if (this.holder?.open === true) this.holder.close();
  }
}

function swapOf(key: string, [expected, value]: Swap): [string, ...string[]] {
  if (value === undefined) return ["DELETE FROM kept WHERE key = ? AND value = ?", key, expected];
  if (expected === undefined) return ["INSERT INTO kept VALUES (?, ?) ON CONFLICT DO NOTHING", key, value];
  return ["UPDATE kept SET value = ? WHERE key = ? AND value = ?", value, key, expected];
}

function isOfSqlite(error: unknown): boolean {
  return codeOf(error).startsWith("SQLITE_");
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "";
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(code === "SQLITE_FULL" ? "store_full" : "store_unavailable", message, { cause: error });
}
