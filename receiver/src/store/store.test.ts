// Node alone is enough for these two; PostgreSQL is held to the same contract in postgres.conformance.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { project } from "../domain/project";
import { logOf } from "../test-support";
import { commit, request, storeContract } from "./contract";
import { MemoryStore } from "./memory";
import { SqliteStore } from "./sqlite";

const folder = mkdtempSync(join(tmpdir(), "receiver-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

storeContract("memory", () => new MemoryStore());
storeContract("sqlite", () => SqliteStore.open(join(folder, `${(files += 1)}.db`)));

describe("the sqlite store", () => {
  test("fails when it is not synchronous and in WAL", async () => {
    const store = SqliteStore.open(join(folder, "durable.db"));
    // 2 is FULL.
    expect(store.durability()).toEqual({ journal: "wal", synchronous: 2 });
    await store.close();
  });

  test("has what was committed after it was opened again", async () => {
    const path = join(folder, "again.db");
    const records = logOf(["vm.expected"], ["vm.booted"]);
    const first = SqliteStore.open(path);
    await commit(first, { records, vms: [project(records, 0)], requests: [request("roster-1")] });
    await first.close();
    const second = SqliteStore.open(path);
    expect(await second.events({ after: 0, limit: 10 })).toEqual(records);
    expect(await second.states()).toEqual([project(records, 0)]);
    expect(await second.request("roster-1")).toEqual(request("roster-1"));
    await second.close();
  });

  test("fails when two have one file open", async () => {
    const path = join(folder, "two.db");
    const first = SqliteStore.open(path);
    expect(() => SqliteStore.open(path)).toThrow(/two\.db is used by another receiver; stop that one/);
    const reader = SqliteStore.openToRead(path);
    expect(await reader.lastPosition()).toBe(0);
    await Promise.all([first.close(), reader.close()]);
    await SqliteStore.open(path).close();
  });
});
