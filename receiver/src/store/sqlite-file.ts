// One SQLite file, and what is done to it: nothing else knows the library. Every answer is a promise, since the file may be
// open in a thread of its own.
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "libsql";
import { DamagedError, StoreError } from "./port";

/** What a statement may be given. */
export type Value = string | number | null;

/** A statement, run once for each row of values. */
export interface Step {
  readonly sql: string;
  readonly rows: readonly (readonly Value[])[];
}

export interface SqliteFile {
  /** What a statement gives, for each row of values. */
  ask(step: Step): Promise<readonly (readonly unknown[])[]>;
  /** All of it is on stable storage when it resolves, or none of it is there. How many rows the last step changed. */
  commit(steps: readonly Step[]): Promise<number>;
  /** The same without a transaction of its own. */
  run(steps: readonly Step[]): Promise<number>;
  exec(sql: string): Promise<void>;
  /** The last of a receiver's leaves everything in the file. */
  close(): Promise<void>;
}

/** What leads from one format to the next; the format's number is how many were done. */
export interface Format {
  readonly migrations: readonly string[];
}

/**
 * So many pages, 16 MiB, are in the WAL before they are copied into the file: a group of events writes a few hundred, most
 * of them again and again, and with SQLite's own 1000 the copying takes more time than the commits.
 */
const CHECKPOINT_PAGES = 4000;

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

/** The size of a file; of none, 0. */
export const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** The library's own option for it does nothing: who may write moves the WAL into the file when it is closed. */
function openReadOnly(path: string): Database.Database {
  return new Database(`${pathToFileURL(path).href}?mode=ro`);
}

/** It is at its place with its first page only, so that an empty file there is never a new one. */
function make(path: string): void {
  const part = `${path}.new`;
  rmSync(part, { force: true });
  const database = new Database(part);
  database.exec("PRAGMA journal_mode = WAL");
  database.close();
  renameSync(part, path);
}

/**
 * Reading so many bytes takes a second or two. A disk or a copy may damage a file at any time, so as much is read at every
 * start. Of a larger file, all is read only after it was not closed, e.g. by a power loss, or its every start would take
 * minutes; that it has its full length is seen in any case, and `verify` reads all of it.
 */
const READ_AT_MOST = 2 ** 30;

const DAMAGED = ["SQLITE_CORRUPT", "SQLITE_NOTADB"];

/** What is wrong with a file, as SQLite has it: its pages and rows; what is in a text it does not know. */
function damageOf(path: string): string | undefined {
  if (sizeOf(path) === 0) return "it is empty";
  // A write that was broken off is undone first, and who only reads cannot do that.
  const database = sizeOf(`${path}-journal`) > 0 ? new Database(path) : openReadOnly(path);
  try {
    const isRead = sizeOf(path) <= READ_AT_MOST || sizeOf(`${path}-wal`) > 0;
    if (!isRead) return void database.pragma("schema_version");
    const [row] = database.pragma("quick_check(1)") as { quick_check: string }[];
    return row?.quick_check === "ok" ? undefined : row?.quick_check.split("\n").at(-1);
  } catch (error) {
    if (!DAMAGED.includes(codeOf(error))) throw error;
    return (error as Error).message;
  } finally {
    database.close();
  }
}

/** Nothing is written to what is damaged: what can be saved of it is there as it was. */
function examine(path: string): void {
  const wal = `${path}-wal`;
  const isThere = existsSync(path);
  if (!isThere && sizeOf(wal) === 0) return make(path);
  const damage = isThere ? damageOf(path) : `it is gone, but ${wal} is there`;
  if (damage === undefined) return;
  throw new DamagedError(
    `${path} is damaged: ${damage}. It was left as it is. Stop what starts the receiver, move it and ${wal} away, and put a backup in its place: nexus-pull-receiver restore FILE. Without a backup, try before that whether nexus-pull-receiver export FILE can still read it`,
  );
}

function openFile(path: string): Database.Database {
  const database = new Database(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  return database;
}

function migrate(database: Database.Database, { migrations }: Format): void {
  const version = (database.pragma("user_version") as { user_version: number }[])[0]?.user_version ?? 0;
  if (version > migrations.length)
    throw new StoreError(
      "store_unavailable",
      `the store's format is ${version}, this receiver knows ${migrations.length}`,
    );
  // An immediate transaction in any case: it takes the lock now, and not when the first event comes.
  database.exec("BEGIN IMMEDIATE");
  for (const migration of migrations.slice(version)) database.exec(migration);
  database.exec(`PRAGMA user_version = ${migrations.length}`);
  database.exec("COMMIT");
}

/** Open in this thread. */
export class LocalFile implements SqliteFile {
  private readonly statements = new Map<string, Database.Statement>();

  private constructor(
    private readonly database: Database.Database,
    private readonly holder?: Database.Database,
  ) {}

  /** Opens the file, and makes it if need be. It is this receiver's alone until it is closed. */
  public static open(path: string, format: Format): LocalFile {
    return guarded(() => {
      const holder = lock(path);
      try {
        examine(path);
        const database = openFile(path);
        migrate(database, format);
        // A new file is only there after a power loss when its directory is flushed; once is enough.
        flush(dirname(path));
        return new LocalFile(database, holder);
      } catch (error) {
        holder.close();
        throw error;
      }
    });
  }

  /** To look at a file that a receiver may be using; all that is read is of one moment. */
  public static openToRead(path: string): LocalFile {
    const database = openReadOnly(path);
    database.exec("BEGIN");
    return new LocalFile(database);
  }

  /** A copy of a file that a receiver may be using, as of one moment, on stable storage. */
  public static copy(path: string, to: string): void {
    const database = openReadOnly(path);
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

  public async ask({ sql, rows }: Step): Promise<unknown[][]> {
    return guarded(() => {
      const statement = this.prepare(sql);
      return rows.map((values) => statement.all(values));
    });
  }

  public async commit(steps: readonly Step[]): Promise<number> {
    try {
      this.database.exec("BEGIN IMMEDIATE");
      const changes = this.put(steps);
      this.database.exec("COMMIT");
      return changes;
    } catch (error) {
      this.rollBack();
      throw asStoreError(error);
    }
  }

  public async run(steps: readonly Step[]): Promise<number> {
    return guarded(() => this.put(steps));
  }

  public async exec(sql: string): Promise<void> {
    guarded(() => this.database.exec(sql));
  }

  private put(steps: readonly Step[]): number {
    let changes = 0;
    for (const { sql, rows } of steps) {
      const statement = this.prepare(sql);
      changes = 0;
      for (const values of rows) changes += statement.run(values).changes;
    }
    return changes;
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

  public async close(): Promise<void> {
    if (!this.database.open) return;
    try {
      if (this.holder !== undefined) this.database.pragma("wal_checkpoint(TRUNCATE)");
    } catch {
      // The file alone would have been the whole store; so the next to open it has the WAL.
    }
    this.database.close();
    if (this.holder?.open === true) this.holder.close();
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? "";
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStoreError(error);
  }
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(code === "SQLITE_FULL" ? "store_full" : "store_unavailable", message, { cause: error });
}
