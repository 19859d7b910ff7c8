// The contract over a real PostgreSQL, and what only a shared store has to keep.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { PostgresServer } from "../../lab/services/postgres";
import { describeWith } from "../support/suites";
import { project } from "../../receiver/src/domain/project";
import { exportLines, importLines } from "../../receiver/src/maintain/archive";
import { verify } from "../../receiver/src/maintain/verify";
import { event, FakeClock, logOf, openEngine, say, T0 } from "../../receiver/src/test-support";
import { commit, NOTHING, storeContract } from "../../receiver/src/store/suite";
import { NOWHERE, type Store, StoreError } from "../../receiver/src/store/port";
import { PostgresStore } from "../../receiver/src/store/postgres";
import { FORMAT } from "../../receiver/src/store/postgres-schema";
import { SqliteStore } from "../../receiver/src/store/sqlite";

describeWith(["postgres"], "PostgreSQL", () => {
  let server: PostgresServer;
  const open: Store[] = [];
  const reported: unknown[] = [];
  const connect = async (url: string): Promise<PostgresStore> => {
    const store = await PostgresStore.open({ url, report: (error) => reported.push(error) });
    open.push(store);
    return store;
  };
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((store) => store.close()));
  });
  afterAll(() => server.stop());

  storeContract("postgres", async () => connect(server.create()));

  test("fails when a commit does not wait for the flush, whatever the database's default is", async () => {
    const store = await connect(server.create(["synchronous_commit = off"]));
    expect(await store.durability()).toEqual({ synchronous: "on", fsync: "on" });
  });

  test("fails when two that start at once migrate twice, or a newer format is used", async () => {
    const url = server.create();
    await Promise.all([connect(url), connect(url), connect(url)]);
    const name = new URL(url).pathname.slice(1);
    expect(server.sql("SELECT count(*), max(number) FROM format", name)).toBe(`1|${FORMAT}`);
    // One of an older receiver's.
    server.sql("UPDATE format SET number = 1; ALTER TABLE vms RESET (toast_tuple_target); DROP TABLE folded", name);
    await connect(url);
    expect(server.sql("SELECT number FROM format", name)).toBe(String(FORMAT));
    expect(server.sql("SELECT reloptions FROM pg_class WHERE relname = 'vms'", name)).toContain(
      "toast_tuple_target=8160",
    );
    server.sql("UPDATE format SET number = 99", name);
    await expect(connect(url)).rejects.toThrow(
      `the database's format is 99, this receiver knows ${FORMAT}; upgrade it`,
    );
  });

  test("fails when two that write at once take the same position, or one does not see the other's", async () => {
    const url = server.create();
    const stores = await Promise.all([connect(url), connect(url)]);
    const seen: number[][] = [];
    const write = (store: Store, vm: string): Promise<unknown> =>
      store.write(NOWHERE, async ({ head, records }) => {
        seen.push(records.map(({ position }) => position));
        const [record] = logOf(["vm.expected", { vm }]);
        return { ...NOTHING, records: record === undefined ? [] : [{ ...record, position: head.position + 1 }] };
      });
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(stores[i % 2] as Store, `vm-${i}`)));
    expect(seen.map(({ length }) => length)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(await stores[0].lastPosition()).toBe(20);
  });

  test("tells the others of a commit, and what it was", async () => {
    const url = server.create();
    const [writer, reader] = await Promise.all([connect(url), connect(url)]);
    let calls = 0;
    let called: () => void = () => undefined;
    await reader.follow(() => {
      calls += 1;
      called();
    });
    const before = calls;
    const told = new Promise<void>((resolve) => (called = resolve));
    const records = logOf(["vm.expected"], ["vm.booted"]);
    const head = await commit(writer, { ...NOTHING, records, vms: [project(records, 0)] });
    await told;
    expect(calls).toBeGreaterThan(before);
    expect(await reader.news(NOWHERE)).toEqual({ head, records, vms: [project(records, 0)] });
    expect(await reader.news(head)).toEqual({ head, records: [], vms: [] });
  });

  test("fails when what a decision throws is taken for the database's error, or keeps the turn", async () => {
    const store = await connect(server.create());
    const defect = new TypeError("a defect");
    await expect(store.write(NOWHERE, () => Promise.reject(defect))).rejects.toBe(defect);
    expect((await commit(store, { ...NOTHING, records: logOf(["vm.expected"]) })).position).toBe(1);
  });

  test("fails when a store that came from SQLite by an archive, or the way back, is another", async () => {
    const folder = mkdtempSync(join(tmpdir(), "receiver-archive-"));
    const from = await SqliteStore.open(join(folder, "from.db"));
    const engine = await openEngine(from, new FakeClock());
    const vms = Array.from({ length: 600 }, (_, vm) => `vm-${vm}`);
    await Promise.all(vms.map((vm) => say(engine, event("vm.booted", { vm }))));
    await say(engine, event("vm.heartbeat", { vm: "vm-1", seq: 3 }));
    const archive = async (store: Store): Promise<string[]> => {
      const lines: string[] = [];
      for await (const line of exportLines(store)) lines.push(`${line}\n`);
      return lines;
    };
    const lines = await archive(from);
    const url = server.create();
    expect(await importLines(await connect(url), Readable.from(lines), T0)).toBe(601);
    const reader = await PostgresStore.openToRead({ url, report: (error) => reported.push(error) });
    open.push(reader, from);
    expect(await archive(reader)).toEqual(lines);
    expect((await verify(reader, T0)).problems).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  test("is a store that is unavailable while the server is away, and serves when it is back", async () => {
    const store = await connect(server.create());
    await server.crash();
    await expect(store.lastPosition()).rejects.toThrow(StoreError);
    await expect(commit(store, { ...NOTHING, records: logOf(["vm.expected"]) })).rejects.toThrow(StoreError);
    await server.run();
    expect((await commit(store, { ...NOTHING, records: logOf(["vm.expected"]) })).position).toBe(1);
  });
});
