// One SQLite file, and what is done to it: nothing else knows the library. Every answer is a promise, since the file may be
// open in a thread of its own.
import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "libsql";
import { StoreError } from "./port";

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
      const database = openFile(path);
      migrate(database, format);
      // A new file is only there after a power loss when its directory is flushed; once is enough.
      flush(dirname(path));
      return new LocalFile(database, holder);
    });
  }

  /** To look at a file that a receiver may be using; all that is read is of one moment. */
  public static openToRead(path: string): LocalFile {
    const database = new Database(path, { readonly: true, fileMustExist: true });
    database.exec("BEGIN");
    return new LocalFile(database);
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

  public async ask({ sql, rows }: Step): Promise<unknown[][]> {
    return guarded(() => {
      const statement = this.prepare(sql);
      return rows.map((values) => statement.all(...values));
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
      for (const values of rows) changes += statement.run(...values).changes;
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
