import type { Event } from "@nexus-pull/contract";
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
import { LocalFile, type SqliteFile, type Step, type Value } from "./sqlite-file";
import { ThreadFile } from "./sqlite-thread";

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
  // Each index is one more page that nearly every event writes. The one of ids has a VM's records together, too.
  "DROP INDEX events_of_vm;",
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

export const FORMAT = { migrations: MIGRATIONS };

function stepsOf({ records, vms, requests, bases = [], cuts = [], kept = [], folded }: Changes): readonly Step[] {
  const steps: Step[] = [
    {
      sql: "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
      rows: records.map(({ position, received, fleet, vm, id, text }) => [position, received, fleet, vm, id, text]),
    },
    {
      sql: "INSERT INTO vms VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
      rows: vms.map((state) => [state.fleet, state.vm, JSON.stringify(state)]),
    },
    {
      sql: "INSERT INTO requests VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
      rows: requests.map(({ id, kind, fleet, vm, digest, answer, counts }) => {
        return [id, kind, fleet, vm ?? null, digest, answer, counts ? 1 : 0];
      }),
    },
    {
      sql: "INSERT OR REPLACE INTO bases VALUES (?, ?, ?, ?)",
      rows: bases.map(({ fleet, vm, through, state }) => [fleet, vm, through, JSON.stringify(state)]),
    },
    {
      sql: "DELETE FROM events WHERE fleet = ? AND vm = ? AND position <= ?",
      rows: cuts.map(({ fleet, vm, through }) => [fleet, vm, through]),
    },
    { sql: "INSERT INTO kept VALUES (?, ?)", rows: kept },
    {
      sql: "UPDATE folded SET through = ?, format = ?",
      rows: folded === undefined ? [] : [[folded.through, folded.format]],
    },
  ];
  return steps.filter(({ rows }) => rows.length > 0);
}

/** Their positions come from an index alone, so that no text is read, or sorted, that is not asked for. */
function recordsOf(filters: readonly string[], order: "ASC" | "DESC"): string {
  const positions = `SELECT position FROM events WHERE ${filters.join(" AND ")} ORDER BY position ${order} LIMIT ?`;
  return `SELECT position, received, event FROM events WHERE position IN (${positions}) ORDER BY position ${order}`;
}

/** So many records are looked at in a few milliseconds. */
const NEAR_THE_END = 5000;

const FIND = "SELECT event FROM events WHERE fleet = ? AND vm = ? AND id = ?";

/** One file, WAL, one writer. A commit returns when the WAL is flushed (synchronous=FULL). */
export class SqliteStore implements Store {
  public readonly shared = false;
  private last = 0;
  private version = 0;

  private constructor(private readonly file: SqliteFile) {}

  private static async over(file: SqliteFile): Promise<SqliteStore> {
    const store = new SqliteStore(file);
    store.last = await store.readLast();
    return store;
  }

  /**
   * Opens the file, and makes it if need be. It is this receiver's alone until it is closed. With a `program` that calls
   * `serveFile`, it is open in a thread of its own.
   */
  public static async open(path: string, program?: string): Promise<SqliteStore> {
    if (program !== undefined) return this.over(await ThreadFile.open(program, { path, format: FORMAT }));
    return this.over(LocalFile.open(path, FORMAT));
  }

  /** To look at a file that a receiver may be using; all that is read is of one moment. */
  public static async openToRead(path: string): Promise<SqliteStore> {
    return this.over(LocalFile.openToRead(path));
  }

  /** How the engine answers when it is asked, not how it was told. */
  public async durability(): Promise<{ readonly journal: string; readonly synchronous: number }> {
    const ask = async (pragma: string): Promise<unknown> =>
      Object.values((await this.rows<object>(`PRAGMA ${pragma}`))[0] ?? {})[0];
    return { journal: String(await ask("journal_mode")), synchronous: Number(await ask("synchronous")) };
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
    if ((await this.readLast()) > 0) throw new StoreError("store_unavailable", "the store is not empty");
    await this.file.exec("BEGIN IMMEDIATE");
    try {
      const logOf: Loader["logOf"] = (fleet, vm, after, limit) => this.events({ after, limit, fleet, vm });
      await fill({ put: async (part) => void (await this.file.run(stepsOf(part))), logOf });
      await this.file.exec("COMMIT");
    } catch (error) {
      await this.file.exec("ROLLBACK").catch(() => undefined);
      throw error;
    }
    this.last = await this.readLast();
  }

  public async check(): Promise<readonly string[]> {
    const rows = await this.rows<{ integrity_check: string }>("PRAGMA integrity_check");
    return rows.map((row) => row.integrity_check).filter((one) => one !== "ok");
  }

  /** All of it is durable, or none of it is there. */
  public async commit(changes: Changes): Promise<void> {
    await this.file.commit(stepsOf(changes));
    this.last = changes.records.at(-1)?.position ?? this.last;
    this.version += 1;
  }

  private async rows<T>(sql: string, values: readonly Value[] = []): Promise<readonly T[]> {
    return ((await this.file.ask({ sql, rows: [values] }))[0] ?? []) as readonly T[];
  }

  public async lastPosition(): Promise<number> {
    return this.last;
  }

  /** The newest record never goes, so that no position is given twice. */
  private async readLast(): Promise<number> {
    return (await this.rows<{ last: number | null }>("SELECT max(position) AS last FROM events"))[0]?.last ?? 0;
  }

  public async base(fleet: string, vm: string): Promise<Base | undefined> {
    const sql = "SELECT through, state FROM bases WHERE fleet = ? AND vm = ?";
    const [row] = await this.rows<{ through: number; state: string }>(sql, [fleet, vm]);
    return row && { fleet, vm, through: row.through, state: JSON.parse(row.state) as VmState };
  }

  public async requestsAfter(ordinal: number, limit: number) {
    const sql = "SELECT * FROM requests WHERE ordinal > ? ORDER BY ordinal LIMIT ?";
    const rows = await this.rows<RequestRow>(sql, [ordinal, limit]);
    return rows.map((row) => ({ ...requestOf(row), ordinal: row.ordinal }));
  }

  public async states(): Promise<readonly VmState[]> {
    return (await this.rows<{ state: string }>("SELECT state FROM vms")).map(
      ({ state }) => JSON.parse(state) as VmState,
    );
  }

  public async folded(): Promise<Folded> {
    return (await this.rows<Folded>("SELECT through, format FROM folded"))[0] ?? UNFOLDED;
  }

  public async events({ after, limit, fleet, vm }: EventQuery): Promise<readonly LogRecord[]> {
    // The index of ids has all of a VM's records; near the log's end, it takes less time to look at everybody's.
    const column = (name: string): string => (this.last - after <= NEAR_THE_END ? `+${name} = ?` : `${name} = ?`);
    const filters = [fleet === undefined ? [] : [column("fleet")], vm === undefined ? [] : [column("vm")]].flat();
    const values = [after, ...[fleet, vm].filter((value) => value !== undefined), limit];
    return (await this.rows<EventRow>(recordsOf(["position > ?", ...filters], "ASC"), values)).map(toRecord);
  }

  public async newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]> {
    const sql = recordsOf(["fleet = ?", "vm = ?"], "DESC");
    return (await this.rows<EventRow>(sql, [fleet, vm, limit])).map(toRecord);
  }

  public async find(fleet: string, vm: string, id: string): Promise<string | undefined> {
    return (await this.rows<{ event: string }>(FIND, [fleet, vm, id]))[0]?.event;
  }

  public async texts(names: readonly EventName[]): Promise<ReadonlyMap<string, string>> {
    const rows = names.map(({ fleet, vm, id }) => [fleet, vm, id]);
    const found = (await this.file.ask({ sql: FIND, rows })) as readonly (readonly { readonly event: string }[])[];
    const texts = found.map(([row], index) => [names[index], row?.event] as const);
    return new Map(texts.flatMap(([name, text]) => (name && text !== undefined ? [[nameOf(name), text]] : [])));
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    return asRequest((await this.rows<RequestRow>("SELECT * FROM requests WHERE id = ?", [id]))[0]);
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    const filter = vm === undefined ? "" : "AND vm = ?";
    const sql = `SELECT * FROM requests WHERE kind = ? AND fleet = ? ${filter} AND counts = 1 ORDER BY ordinal DESC LIMIT 1`;
    return asRequest((await this.rows<RequestRow>(sql, [kind, fleet, ...(vm === undefined ? [] : [vm])]))[0]);
  }

  public async kept(prefix: string, limit: number): Promise<ReadonlyMap<string, string>> {
    const sql = "SELECT key, value FROM kept WHERE substr(key, 1, length(?)) = ? ORDER BY key LIMIT ?";
    const rows = await this.rows<{ key: string; value: string }>(sql, [prefix, prefix, limit]);
    return new Map(rows.map(({ key, value }) => [key, value]));
  }

  public async swap(key: string, ...change: Swap): Promise<boolean> {
    const [sql, ...values] = swapOf(key, change);
    return (await this.file.commit([{ sql, rows: [values] }])) === 1;
  }

  public close(): Promise<void> {
    return this.file.close();
  }
}

function swapOf(key: string, [expected, value]: Swap): [string, ...string[]] {
  if (value === undefined) return ["DELETE FROM kept WHERE key = ? AND value = ?", key, expected];
  if (expected === undefined) return ["INSERT INTO kept VALUES (?, ?) ON CONFLICT DO NOTHING", key, value];
  return ["UPDATE kept SET value = ? WHERE key = ? AND value = ?", value, key, expected];
}
