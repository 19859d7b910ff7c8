// One contract for every store.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logOf } from "../test-support";
import { project } from "../domain/project";
import type { LogRecord } from "../domain/log";
import { MemoryStore } from "./memory";
import { type Changes, type Store, StoreError, type StoredRequest } from "./port";
import { SqliteStore } from "./sqlite";

const NOTHING: Changes = { records: [], vms: [], requests: [] };
const request = (id: string, more: Partial<StoredRequest> = {}): StoredRequest => ({
  id,
  kind: "roster",
  fleet: "dev",
  digest: "x",
  answer: "{}",
  counts: true,
  ...more,
});

const folder = mkdtempSync(join(tmpdir(), "receiver-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const kinds: readonly { readonly name: string; readonly open: () => Store }[] = [
  { name: "memory", open: () => new MemoryStore() },
  { name: "sqlite", open: () => SqliteStore.open(join(folder, `${(files += 1)}.db`)) },
];

describe.each(kinds)("the $name store", ({ open }) => {
  let store: Store;
  const log = [
    ...logOf(["vm.expected"], ["vm.booted"], ["vm.heartbeat"]),
    ...logOf(["vm.booted", { vm: "nexus-02" }]).map((record) => ({ ...record, position: 4 })),
  ];
  beforeEach(() => (store = open()));
  afterEach(() => store.close());
  const commit = (records: readonly LogRecord[]): Promise<void> => store.commit({ ...NOTHING, records });

  test("begins with nothing", async () => {
    expect(await store.lastPosition()).toBe(0);
    expect(await store.states()).toEqual([]);
    expect(await store.events({ after: 0, limit: 10 })).toEqual([]);
  });

  test("gives back what was committed, unchanged and in order", async () => {
    await commit(log.slice(0, 2));
    await commit(log.slice(2));
    expect(await store.lastPosition()).toBe(4);
    expect(await store.events({ after: 0, limit: 10 })).toEqual(log);
    expect(await store.events({ after: 1, limit: 2 })).toEqual(log.slice(1, 3));
    expect(await store.events({ after: 0, limit: 10, fleet: "dev", vm: "nexus-02" })).toEqual(log.slice(3));
    expect(await store.events({ after: 0, limit: Number.MAX_SAFE_INTEGER })).toEqual(log);
    expect(await store.events({ after: 0, limit: 10, fleet: "prod" })).toEqual([]);
    expect(await store.newest("dev", "nexus-01", 2)).toEqual([log[2], log[1]]);
  });

  test("finds an event by its id, within its VM", async () => {
    await commit(log);
    expect(await store.find("dev", "nexus-01", log[1]?.id ?? "")).toBe(log[1]?.text);
    expect(await store.find("dev", "nexus-03", log[1]?.id ?? "")).toBeUndefined();
  });

  test("keeps one state a VM, the last", async () => {
    const states = [log.slice(0, 2), log.slice(0, 3)].map((records) => project(records, 0));
    for (const state of states) await store.commit({ ...NOTHING, vms: [state] });
    expect(await store.states()).toEqual([states[1]]);
  });

  test("knows the newest request that counts", async () => {
    const release = request("release-1", { kind: "release", vm: "nexus-01" });
    const requests = [request("roster-1"), request("roster-2"), request("roster-1-end", { counts: false }), release];
    await store.commit({ ...NOTHING, requests });
    expect(await store.request("roster-1-end")).toEqual(requests[2]);
    expect(await store.request("roster-9")).toBeUndefined();
    expect(await store.newestRequest("roster", "dev")).toEqual(requests[1]);
    expect(await store.newestRequest("roster", "prod")).toBeUndefined();
    expect(await store.newestRequest("release", "dev", "nexus-01")).toEqual(release);
    expect(await store.newestRequest("release", "dev", "nexus-02")).toBeUndefined();
  });

  test("keeps values, each changed only from what it was", async () => {
    expect(await store.swap("a/1", undefined, "one")).toBe(true);
    expect(await store.swap("a/1", undefined, "late")).toBe(false);
    expect(await store.swap("a/1", "other", "late")).toBe(false);
    expect(await store.swap("a/1", "one", "two")).toBe(true);
    for (const key of ["b/1", "a/3", "a/2"]) await store.swap(key, undefined, key);
    expect([...(await store.kept("a/", 2))]).toEqual([
      ["a/1", "two"],
      ["a/2", "a/2"],
    ]);
    expect(await store.swap("a/1", "one", undefined)).toBe(false);
    expect(await store.swap("a/1", "two", undefined)).toBe(true);
    expect([...(await store.kept("a/", 9)).keys()]).toEqual(["a/2", "a/3"]);
  });

  test("fails when a part of what was refused is there", async () => {
    await store.commit({ ...NOTHING, records: log.slice(0, 1), requests: [request("roster-1")] });
    const again = { ...(log[2] as LogRecord), position: 3, id: log[0]?.id ?? "" };
    const changes = { records: [{ ...log[1], position: 2 } as LogRecord, again], vms: [project(log, 0)] };
    await expect(store.commit({ ...changes, requests: [] })).rejects.toThrow(StoreError);
    await expect(
      store.commit({ ...NOTHING, records: log.slice(1, 2), requests: [request("roster-1")] }),
    ).rejects.toThrow(StoreError);
    expect([await store.lastPosition(), await store.states()]).toEqual([1, []]);
    await commit(log.slice(1));
    expect(await store.lastPosition()).toBe(4);
  });
});

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
    await first.commit({ records, vms: [project(records, 0)], requests: [request("roster-1")] });
    await first.close();
    const second = SqliteStore.open(path);
    expect(await second.events({ after: 0, limit: 10 })).toEqual(records);
    expect(await second.states()).toEqual([project(records, 0)]);
    expect(await second.request("roster-1")).toEqual(request("roster-1"));
    await second.close();
  });

  test("fails when two that have one file open both write", async () => {
    const path = join(folder, "two.db");
    const [first, second] = [SqliteStore.open(path), SqliteStore.open(path)];
    const [record] = logOf(["vm.expected"]);
    await first.commit({ ...NOTHING, records: record ? [record] : [] });
    const other = logOf(["vm.expected", { vm: "nexus-02" }]);
    await expect(second.commit({ ...NOTHING, records: other })).rejects.toThrow(StoreError);
    expect(await second.events({ after: 0, limit: 9 })).toEqual([record]);
    await Promise.all([first.close(), second.close()]);
  });
});
