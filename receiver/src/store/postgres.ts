// Several receivers share one database. There is one log with one order, so there is one writer at a time: whoever writes
// holds the row `head` from before it decides until its commit is visible. Positions are therefore given without gaps and
// become visible in order, and a decision is made on what everybody else committed before.
import pg from "pg";
import type { Event } from "@nexus-pull/contract";
import { type LogRecord, recordOf } from "../domain/log";
import type { VmState } from "../domain/state";
import { migrate } from "./postgres-schema";
import { CHANNEL, columns, put } from "./postgres-write";
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

const CONNECTIONS = 8;
const CONNECT_MS = 5_000;
/** A server that does not answer for so long is gone; the next attempt makes a new connection. */
const QUERY_MS = 30_000;
/**
 * What is acknowledged is flushed, whatever the database's default is; and a receiver that stands still, or waits for one
 * that does, does not hold the others up.
 */
const BEGIN = `BEGIN;
  SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
  SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL lock_timeout = 20000`;
/** Who was cut off for long is told of the newest only; who needs all has a cursor into the log. */
const TOLD_AT_MOST = 10_000;
const MAX_BIGINT = "9223372036854775807";
const LOAD_PART_MS = 600_000;

const EVENT = "position, received, event";
/** A Number of JavaScript's, or more than any position. */
const bigint = (value: number): string => (Number.isSafeInteger(value) ? String(value) : MAX_BIGINT);

interface EventRow {
  readonly position: string;
  readonly received: string;
  readonly event: string;
}
interface RequestRow extends Omit<StoredRequest, "vm"> {
  readonly vm: string | null;
  readonly ordinal: string;
}

function toRecord({ position, received, event }: EventRow): LogRecord {
  return recordOf(JSON.parse(event) as Event, event, Number(position), Number(received));
}

function toRequest({ id, kind, fleet, vm, digest, answer, counts }: RequestRow): StoredRequest {
  return { id, kind, fleet, ...(vm === null ? {} : { vm }), digest, answer, counts };
}

const READ_HEAD = "SELECT position, version FROM head";

function toHead(row: { position: string; version: string } | undefined): Head {
  return { position: Number(row?.position ?? 0), version: Number(row?.version ?? 0) };
}

export interface PostgresOptions {
  /** Without a password: libpq's PGPASSWORD, PGPASSFILE and the like say it. */
  readonly url: string;
  /** An error of a connection that nobody waits for. */
  readonly report: (error: unknown) => void;
}

export class PostgresStore implements Store {
  public readonly shared = true;
  private listener?: pg.Client;
  private retry?: NodeJS.Timeout;
  private closed = false;

  private constructor(
    private readonly pool: pg.Pool,
    private readonly options: PostgresOptions,
  ) {}

  /** Connects, and brings the tables to the newest format; of several that start at once, one does. */
  public static async open(options: PostgresOptions): Promise<PostgresStore> {
    const pool = new pg.Pool({ ...connection(options.url), max: CONNECTIONS, idleTimeoutMillis: 0 });
    pool.on("error", options.report);
    // Of one that is in use, and between two queries: the next query fails with it.
    pool.on("connect", (client) => client.on("error", () => undefined));
    const store = new PostgresStore(pool, options);
    try {
      await store.guarded(async () => {
        const client = await pool.connect();
        await migrate(client).finally(() => client.release());
      });
      return store;
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** To look at a database that receivers are using; all that is read is of one moment. */
  public static async openToRead(options: PostgresOptions): Promise<PostgresStore> {
    // Of one connection, so that every query is in its one transaction.
    const pool = new pg.Pool({ ...connection(options.url), max: 1, idleTimeoutMillis: 0 });
    pool.on("error", options.report);
    const store = new PostgresStore(pool, options);
    await store.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return store;
  }

  /** How the server answers in a transaction that writes. */
  public async durability(): Promise<{ readonly synchronous?: string; readonly fsync?: string }> {
    return this.transaction(async (client) => {
      const { rows } = await client.query<{ synchronous: string; fsync: string }>(
        "SELECT current_setting('synchronous_commit') AS synchronous, current_setting('fsync') AS fsync",
      );
      return rows[0] ?? {};
    });
  }

  public async write(since: Head, decide: (news: News) => Promise<Changes>): Promise<Head> {
    return this.transaction(async (client) => {
      const head = toHead((await client.query<never>(`${READ_HEAD} FOR UPDATE`)).rows[0]);
      const news = await newsFrom(client, since, head);
      const changes = await decide(news).catch((error: unknown) => Promise.reject(new Undecided(error)));
      if (isNothing(changes)) return head;
      const next = { position: changes.records.at(-1)?.position ?? head.position, version: head.version + 1 };
      await put(client, changes, next);
      return next;
    });
  }

  public async news(since: Head): Promise<News> {
    return this.guarded(async () => {
      const head = toHead((await this.pool.query<never>(READ_HEAD)).rows[0]);
      return newsFrom(this.pool, since, head);
    });
  }

  public async load(fill: (loader: Loader) => Promise<void>): Promise<void> {
    await this.transaction(async (client) => {
      await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${LOAD_PART_MS}`);
      let head = toHead((await client.query<never>(`${READ_HEAD} FOR UPDATE`)).rows[0]);
      if (head.version > 0) throw new StoreError("store_unavailable", "the store is not empty");
      const loader: Loader = {
        put: async (part) => {
          head = { position: part.records.at(-1)?.position ?? head.position, version: head.version + 1 };
          await put(client, part, head);
        },
        logOf: async (fleet, vm, after, limit) => {
          const sql = `SELECT ${EVENT} FROM events WHERE fleet = $1 AND vm = $2 AND position > $3 ORDER BY position LIMIT $4`;
          return (await client.query<EventRow>(sql, [fleet, vm, bigint(after), bigint(limit)])).rows.map(toRecord);
        },
      };
      await fill(loader).catch((error: unknown) => Promise.reject(new Undecided(error)));
    });
  }

  public async check(): Promise<readonly string[]> {
    const [row] = await this.rows<{ position: string; last: string | null }>(
      "SELECT position, (SELECT max(position) FROM events) AS last FROM head",
    );
    if (row === undefined) return ["the table head has no row"];
    const last = Number(row.last ?? 0);
    return last === Number(row.position) ? [] : [`the head is ${row.position}, the newest event ${last}`];
  }

  private async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return this.guarded(async () => {
      const client = await this.pool.connect();
      let failed: unknown;
      try {
        await client.query(BEGIN);
        const result = await work(client);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        failed = error;
        // A connection that is gone has rolled back by itself.
        await client.query("ROLLBACK").catch(() => undefined);
        throw error;
      } finally {
        client.release(failed !== undefined && !leavesConnection(failed));
      }
    });
  }

  /** Whatever the database's trouble is, it is the store's. */
  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof Undecided ? error.cause : asStoreError(error);
    }
  }

  private async rows<T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    return this.guarded(async () => (await this.pool.query<T>(text, [...values])).rows);
  }

  /** Listens on a connection of its own; what was missed while it was broken is asked for by the next call. */
  public async follow(listener: () => void): Promise<void> {
    const client = new pg.Client(connection(this.options.url));
    this.listener = client;
    const lost = (error?: unknown): void => {
      if (this.listener !== client) return;
      this.listener = undefined;
      void client.end().catch(() => undefined);
      if (this.closed) return;
      if (error !== undefined) this.options.report(error);
      this.retry = setTimeout(() => void this.follow(listener), 1000);
    };
    client.on("error", lost).on("end", () => lost());
    client.on("notification", listener);
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      listener();
    } catch (error) {
      lost(error);
    }
  }

  public async lastPosition(): Promise<number> {
    const [row] = await this.rows<{ position: string; version: string }>(READ_HEAD);
    return toHead(row).position;
  }

  public async states(): Promise<readonly VmState[]> {
    const rows = await this.rows<{ state: string }>("SELECT state FROM vms");
    return rows.map(({ state }) => JSON.parse(state) as VmState);
  }

  public async base(fleet: string, vm: string): Promise<Base | undefined> {
    const sql = "SELECT through, state FROM bases WHERE fleet = $1 AND vm = $2";
    const [row] = await this.rows<{ through: string; state: string }>(sql, [fleet, vm]);
    return row && { fleet, vm, through: Number(row.through), state: JSON.parse(row.state) as VmState };
  }

  public async folded(): Promise<Folded> {
    const [row] = await this.rows<Record<keyof Folded, string>>("SELECT through, format FROM folded");
    return row === undefined ? UNFOLDED : { through: Number(row.through), format: Number(row.format) };
  }

  public async events({ after, limit, fleet, vm }: EventQuery): Promise<readonly LogRecord[]> {
    const values: unknown[] = [bigint(after), bigint(limit)];
    const filter = Object.entries({ fleet, vm }).map(([name, value]) =>
      value === undefined ? "" : ` AND ${name} = $${values.push(value)}`,
    );
    const sql = `SELECT ${EVENT} FROM events WHERE position > $1${filter.join("")} ORDER BY position LIMIT $2`;
    return (await this.rows<EventRow>(sql, values)).map(toRecord);
  }

  public async newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]> {
    const sql = `SELECT ${EVENT} FROM events WHERE fleet = $1 AND vm = $2 ORDER BY position DESC LIMIT $3`;
    return (await this.rows<EventRow>(sql, [fleet, vm, bigint(limit)])).map(toRecord);
  }

  public async find(fleet: string, vm: string, id: string): Promise<string | undefined> {
    const name = { fleet, vm, id };
    return (await this.texts([name])).get(nameOf(name));
  }

  public async texts(names: readonly EventName[]): Promise<ReadonlyMap<string, string>> {
    const rows = await this.rows<EventName & { event: string }>(
      `SELECT fleet, vm, id, event FROM events
       JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (fleet, vm, id) USING (fleet, vm, id)`,
      columns<EventName, string>(names, [({ fleet }) => fleet, ({ vm }) => vm, ({ id }) => id]),
    );
    return new Map(rows.map((row) => [nameOf(row), row.event]));
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    const [row] = await this.rows<RequestRow>("SELECT * FROM requests WHERE id = $1", [id]);
    return row && toRequest(row);
  }

  public async requestsAfter(ordinal: number, limit: number) {
    const sql = "SELECT * FROM requests WHERE ordinal > $1 ORDER BY ordinal LIMIT $2";
    const rows = await this.rows<RequestRow>(sql, [ordinal, limit]);
    return rows.map((row) => ({ ...toRequest(row), ordinal: Number(row.ordinal) }));
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    const [row] = await this.rows<RequestRow>(
      `SELECT * FROM requests WHERE kind = $1 AND fleet = $2 AND ($3::text IS NULL OR vm = $3) AND counts
       ORDER BY ordinal DESC LIMIT 1`,
      [kind, fleet, vm],
    );
    return row && toRequest(row);
  }

  public async kept(prefix: string, limit: number): Promise<ReadonlyMap<string, string>> {
    const sql = "SELECT key, value FROM kept WHERE starts_with(key, $1) ORDER BY key LIMIT $2";
    const rows = await this.rows<{ key: string; value: string }>(sql, [prefix, bigint(limit)]);
    return new Map(rows.map(({ key, value }) => [key, value]));
  }

  public async swap(key: string, ...change: Swap): Promise<boolean> {
    const [sql, ...values] = swapOf(key, change);
    return this.transaction(async (client) => (await client.query(sql, values)).rowCount === 1);
  }

  public async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.retry);
    await this.listener?.end().catch(() => undefined);
    await this.pool.end();
  }
}

function swapOf(key: string, [expected, value]: Swap): [string, ...string[]] {
  if (value === undefined) return ["DELETE FROM kept WHERE key = $1 AND value = $2", key, expected];
  if (expected === undefined) return ["INSERT INTO kept VALUES ($1, $2) ON CONFLICT DO NOTHING", key, value];
  return ["UPDATE kept SET value = $3 WHERE key = $1 AND value = $2", key, expected, value];
}

function connection(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: "nexus-pull-receiver",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    keepAlive: true,
  };
}

/** Behind `since` and up to `head`; nothing is read when nothing is new. */
async function newsFrom(client: Pick<pg.ClientBase, "query">, since: Head, head: Head): Promise<News> {
  if (since.version >= head.version) return { head, records: [], vms: [] };
  const events = await client.query<EventRow>(
    `SELECT ${EVENT} FROM events WHERE position > $1 AND position <= $2 ORDER BY position DESC LIMIT $3`,
    [bigint(since.position), bigint(head.position), TOLD_AT_MOST],
  );
  const states = await client.query<{ state: string }>("SELECT state FROM vms WHERE version > $1", [since.version]);
  const vms = states.rows.map(({ state }) => JSON.parse(state) as VmState);
  const news = { head, records: events.rows.map(toRecord).reverse(), vms };
  return news.records.length < TOLD_AT_MOST ? news : { ...news, cut: true };
}

/** What a decision threw is no error of the database's. */
class Undecided extends Error {
  public constructor(public override readonly cause: unknown) {
    super("the decision failed");
  }
}

/** An error after which the connection is as good as before. */
function leavesConnection(error: unknown): boolean {
  const told = error instanceof pg.DatabaseError && !/^(?:57P|08|25P03)/.test(error.code ?? "");
  return told || error instanceof Undecided || error instanceof StoreError;
}

const FULL = ["53100", "53200"];

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code = "" } = error as { code?: string };
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(FULL.includes(code) ? "store_full" : "store_unavailable", message, { cause: error });
}
