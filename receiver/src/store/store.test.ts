// Node alone is enough for these two; PostgreSQL is held to the same suite in __tests__/receiver-store.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { project } from "../domain/project";
import { logOf } from "../test-support";
import { commit, NOTHING, request, storeContract } from "./suite";
import { MemoryStore } from "./memory";
import { StoreError } from "./port";
import { FORMAT, SqliteStore } from "./sqlite";
import { LocalFile } from "./sqlite-file";

const folder = mkdtempSync(join(tmpdir(), "receiver-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const THREAD = join(__dirname, "source-thread.cjs");

storeContract("memory", () => new MemoryStore());
storeContract("sqlite", () => SqliteStore.open(join(folder, `${(files += 1)}.db`)));
storeContract("sqlite, in a thread of its own,", () => SqliteStore.open(join(folder, `${(files += 1)}.db`), THREAD));

describe("the store's thread", () => {
  test("says why a file cannot be opened, and ends", async () => {
    await expect(SqliteStore.open(folder, THREAD)).rejects.toThrow(StoreError);
  });

  test("gives a refusal its code, and closes more than once", async () => {
    const store = await SqliteStore.open(join(folder, "thread-full.db"), THREAD);
    await commit(store, { ...NOTHING, records: logOf(["vm.expected"]) });
    const again = commit(store, { ...NOTHING, records: logOf(["vm.expected"]) });
    await expect(again).rejects.toMatchObject({ name: "StoreError", code: "store_unavailable" });
    await store.close();
    await store.close();
  });

  test("fails when somebody waits for it after its end", async () => {
    const program = join(folder, "ends.cjs");
    const answer = "parentPort.postMessage({ value: [[{ last: 0 }]] })";
    const ends = `let asked = 0; parentPort.on("message", () => (asked++ === 0 ? ${answer} : process.exit(3)))`;
    writeFileSync(program, `const { parentPort } = require("node:worker_threads"); ${answer}; ${ends}`);
    const store = await SqliteStore.open(join(folder, "ends.db"), program);
    const gone = { code: "store_unavailable", message: "the store's thread ended" };
    await expect(Promise.all([store.states(), store.states()])).rejects.toMatchObject(gone);
    await expect(store.states()).rejects.toMatchObject(gone);
    await store.close();
  });
});

describe("the sqlite store", () => {
  test("fails when it is not synchronous and in WAL", async () => {
    const store = await SqliteStore.open(join(folder, "durable.db"));
    // 2 is FULL.
    expect(await store.durability()).toEqual({ journal: "wal", synchronous: 2 });
    await store.close();
  });

  test("has what was committed after it was opened again", async () => {
    const path = join(folder, "again.db");
    const records = logOf(["vm.expected"], ["vm.booted"]);
    const first = await SqliteStore.open(path);
    await commit(first, { records, vms: [project(records, 0)], requests: [request("roster-1")] });
    await first.close();
    const second = await SqliteStore.open(path);
    expect(await second.events({ after: 0, limit: 10 })).toEqual(records);
    expect(await second.states()).toEqual([project(records, 0)]);
    expect(await second.request("roster-1")).toEqual(request("roster-1"));
    await second.close();
  });

  test("brings a store of an older format forward, with all that it has", async () => {
    const path = join(folder, "older.db");
    const records = logOf(["vm.expected"], ["vm.booted"]);
    const older = LocalFile.open(path, { migrations: FORMAT.migrations.slice(0, 4) });
    const rows = records.map(({ position, received, fleet, vm, id, text }) => [
      position,
      received,
      fleet,
      vm,
      id,
      text,
    ]);
    await older.commit([{ sql: "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows }]);
    await older.close();
    const store = await SqliteStore.open(path);
    expect(await store.events({ after: 0, limit: 10 })).toEqual(records);
    expect(await store.newest("dev", "nexus-01", 1)).toEqual(records.slice(1));
    await store.close();
    const file = LocalFile.openToRead(path);
    const sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'events'";
    expect(await file.ask({ sql, rows: [[]] })).toMatchObject([[{ name: "sqlite_autoindex_events_1" }]]);
    await file.close();
  });

  test("fails when two have one file open", async () => {
    const path = join(folder, "two.db");
    const first = await SqliteStore.open(path);
    await expect(SqliteStore.open(path)).rejects.toThrow(/two\.db is used by another receiver; stop that one/);
    const reader = await SqliteStore.openToRead(path);
    expect(await reader.lastPosition()).toBe(0);
    await Promise.all([first.close(), reader.close()]);
    await (await SqliteStore.open(path)).close();
  });
});
