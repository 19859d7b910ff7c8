// One VM's log may be as long as it likes: it costs nobody else anything.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "libsql";
import { lifecycle, type RosterEntry } from "@nexus-pull/contract";
import { recordOf } from "../domain/log";
import { SETTLED_EVERY } from "../domain/project";
import { FOLD, type VmState } from "../domain/state";
import { MemoryStore } from "../store/memory";
import type { Store } from "../store/port";
import { SqliteStore } from "../store/sqlite";
import { A, event, FakeClock, folded, openEngine, say, T0 } from "../test-support";
import { verify } from "../maintain/verify";
import { putRoster } from "./commands";
import type { Engine } from "./engine";

const LONG = 300_000;
const OTHER: RosterEntry = { name: "nexus-02", instance_id: "iid-2", deadline_s: 300, ref: "main" };

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "long-log-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The log of one VM that has only beaten so far, as SQL makes it fastest. */
function fill(path: string, events: number): void {
  const [booted, beat] = ["vm.booted", "vm.heartbeat"].map((type) =>
    JSON.stringify(event(type, { seq: 987_654_321 })).replaceAll("987654321", "%1$d"),
  );
  const text = `replace(CASE n WHEN 1 THEN ? ELSE ? END, '%1$d', n)`;
  const database = new Database(path);
  database
    .prepare(
      `WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ?)
       INSERT INTO events SELECT n, ? + n, 'dev', 'nexus-01', '${A}-' || n, ${text} FROM s`,
    )
    .run(events, T0, booted, beat);
  database.close();
}

/** The state that such a log comes to, after so many events. */
function stateAfter(events: number): VmState {
  const [booted, beat] = [event("vm.booted"), event("vm.heartbeat", { seq: events })];
  const records = [recordOf(booted, "", 1, T0 + 1), recordOf(beat, "", events, T0 + events)];
  return { ...folded(records), records: events };
}

async function longStore(): Promise<SqliteStore> {
  const path = join(folder, "receiver.db");
  await (await SqliteStore.open(path)).close();
  fill(path, LONG);
  const store = await SqliteStore.open(path);
  const [kept, settled] = [LONG - 20_000, LONG - 2 * SETTLED_EVERY];
  await store.commit({
    ...{ records: [], requests: [], vms: [stateAfter(kept)], folded: { through: kept, format: FOLD } },
    bases: [{ fleet: "dev", vm: "nexus-01", through: settled, state: stateAfter(settled) }],
  });
  return store;
}

async function announce(engine: Engine): Promise<void> {
  const body = Buffer.from(JSON.stringify([OTHER]));
  await engine.submit(putRoster({ id: "roster-01", fleet: "dev", body }, [OTHER]));
}

/** How many records are read from now on. */
function countReads(store: Store): () => number {
  let read = 0;
  const events = store.events.bind(store);
  jest.spyOn(store, "events").mockImplementation(async (query) => {
    const found = await events(query);
    read += found.length;
    return found;
  });
  return () => read;
}

test("fails when a gap in a log of 300,000 keeps another VM from becoming Overdue, or a restart waiting", async () => {
  const clock = new FakeClock();
  clock.now = T0 + LONG;
  let store = await longStore();
  let engine = await openEngine(store, clock, 20_000);
  await announce(engine);
  const read = countReads(store);
  await say(engine, event("vm.heartbeat", { seq: LONG + 2 }));
  clock.pass(1);
  for (let pass = 0; pass < 12; pass += 1) {
    clock.pass(31);
    await engine.tick();
  }
  expect(engine.fleets.get("dev", "nexus-02")).toMatchObject({ phase: "Overdue", reason: "overdue_roster" });
  expect(engine.fleets.get("dev", "nexus-01")?.machines[A]?.next).toBe(LONG + 3);
  expect(read()).toBeLessThan(4 * SETTLED_EVERY);
  // What was missing comes after all, with many more like it.
  for (let seq = LONG + 5; seq < LONG + 205; seq += 2) {
    await say(engine, event("vm.heartbeat", { seq }));
    await say(engine, event("vm.heartbeat", { seq: seq - 1 }));
  }
  expect(read()).toBeLessThan(100 * 4 * SETTLED_EVERY);
  const before = engine.fleets.all();
  await engine.close();
  const begun = performance.now();
  store = await SqliteStore.open(join(folder, "receiver.db"));
  engine = await openEngine(store, clock, 20_000);
  await engine.tick();
  expect(performance.now() - begun).toBeLessThan(5000);
  expect(JSON.parse(JSON.stringify(engine.fleets.all()))).toEqual(JSON.parse(JSON.stringify(before)));
  await engine.close();
}, 120_000);

test("a log without bases, of a receiver before this one, has some after the first start", async () => {
  const path = join(folder, "receiver.db");
  await (await SqliteStore.open(path)).close();
  fill(path, 10 * SETTLED_EVERY);
  const clock = new FakeClock();
  const store = await SqliteStore.open(path);
  const engine = await openEngine(store, clock);
  expect((await store.base("dev", "nexus-01"))?.through).toBe(9 * SETTLED_EVERY);
  expect(engine.fleets.get("dev", "nexus-01")?.records).toBe(10 * SETTLED_EVERY);
  expect((await verify(store, clock.now)).problems).toEqual([]);
  await engine.close();
});

test("more that wait than a VM may have are waited for no longer", async () => {
  const [clock, store] = [new FakeClock(), new MemoryStore()];
  const engine = await openEngine(store, clock);
  await say(engine, event("vm.booted"));
  const most = lifecycle.order.held_at_most;
  const read = countReads(store);
  for (let seq = 3; seq < 3 + most; seq += 100)
    await say(engine, ...Array.from({ length: 100 }, (_, index) => event("vm.heartbeat", { seq: seq + index })));
  expect(engine.fleets.get("dev", "nexus-01")?.held).toHaveLength(most);
  await say(engine, event("vm.heartbeat", { seq: 3 + most }));
  expect(engine.fleets.get("dev", "nexus-01")).toMatchObject({ held: [], machines: { [A]: { next: most + 4 } } });
  expect(read()).toBeLessThan(3 * most);
  // Its place is settled, and it is not known what it was.
  await expect(say(engine, event("run.failed", { seq: 2 }))).rejects.toThrow("id_conflict");
  expect((await verify(store, clock.now)).problems).toEqual([]);
}, 60_000);

test("a base follows the log's growth and leaves the newest to be put in order", async () => {
  const [clock, store] = [new FakeClock(), new MemoryStore()];
  const engine = await openEngine(store, clock);
  for (let seq = 1; seq <= 3 * SETTLED_EVERY; seq += 100) {
    const missing = 2 * SETTLED_EVERY + 50;
    const seqs = Array.from({ length: 100 }, (_, index) => seq + index).filter((one) => one !== missing);
    await say(engine, ...seqs.map((one) => event(one === 1 ? "vm.booted" : "vm.heartbeat", { seq: one })));
    clock.pass(31);
    await engine.tick();
  }
  const before = engine.fleets.get("dev", "nexus-01");
  const base = await store.base("dev", "nexus-01");
  expect(base?.state.records).toBeGreaterThan(SETTLED_EVERY - 2);
  await say(engine, event("run.failed", { seq: 2 * SETTLED_EVERY + 50 }));
  const after = engine.fleets.get("dev", "nexus-01");
  expect([before?.phase, after?.phase]).toEqual(["Booted", "Failed"]);
  expect((await verify(store, clock.now)).problems).toEqual([]);
}, 60_000);

describe("a VM whose fold fails", () => {
  test("is shown as such, and goes on with its next event", async () => {
    const [clock, store] = [new FakeClock(), new MemoryStore()];
    const engine = await openEngine(store, clock);
    await say(engine, event("vm.booted"));
    const table = lifecycle.table as unknown as Record<string, Record<string, unknown>>;
    const cell = table["Booted"]?.["run.queued"];
    try {
      delete table["Booted"]?.["run.queued"];
      await say(engine, event("run.queued", { seq: 2 }));
    } finally {
      Object.assign(table["Booted"] ?? {}, { "run.queued": cell });
    }
    const state = engine.fleets.get("dev", "nexus-01");
    expect(state).toMatchObject({ phase: "Failed", reason: "fold_failed" });
    expect(state?.message).toContain("no cell for run.queued");
    expect(state?.conditions.Converged).toMatchObject({ status: "False", reason: "fold_failed" });
    await say(engine, event("run.succeeded", { seq: 3 }));
    expect(engine.fleets.get("dev", "nexus-01")?.phase).toBe("Configured");
  });

  test("fails when its time stops another's", async () => {
    const [clock, store] = [new FakeClock(), new MemoryStore()];
    const engine = await openEngine(store, clock);
    await announce(engine);
    await say(engine, event("vm.booted"));
    await say(engine, event("run.succeeded", { seq: 3 }));
    const events = store.events.bind(store);
    jest.spyOn(store, "events").mockImplementation(async (query) => {
      if (query.vm === "nexus-01") throw new RangeError("Maximum call stack size exceeded");
      return events(query);
    });
    clock.pass(301);
    await engine.tick();
    expect(engine.fleets.get("dev", "nexus-02")?.phase).toBe("Overdue");
    expect(engine.fleets.get("dev", "nexus-01")).toMatchObject({ phase: "Failed", reason: "fold_failed" });
    jest.restoreAllMocks();
    clock.pass(61);
    await engine.tick();
    expect(engine.fleets.get("dev", "nexus-01")?.phase).toBe("Configured");
  });
});
