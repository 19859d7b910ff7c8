// One contract for every store.
import type { LogRecord } from "../domain/log";
import { project } from "../domain/project";
import { logOf } from "../test-support";
import {
  type Changes,
  type Head,
  type Loader,
  nameOf,
  NOWHERE,
  type Store,
  StoreError,
  type StoredRequest,
  UNFOLDED,
} from "./port";

export const NOTHING: Changes = { records: [], vms: [], requests: [] };

export const commit = (store: Store, changes: Changes): Promise<Head> => store.write(NOWHERE, async () => changes);

export const request = (id: string, more: Partial<StoredRequest> = {}): StoredRequest => ({
  id,
  kind: "roster",
  fleet: "dev",
  digest: "x",
  answer: "{}",
  counts: true,
  ...more,
});

/** What every store keeps. `open` gives one that has nothing. */
export function storeContract(name: string, open: () => Store | Promise<Store>): void {
  describe(`the ${name} store`, () => holdTo(open));
}

// eslint-disable-next-line max-lines-per-function -- a suite, as in the *.test.ts files
function holdTo(open: () => Store | Promise<Store>): void {
  let store: Store;
  const log = [
    ...logOf(["vm.expected"], ["vm.booted"], ["vm.heartbeat"]),
    ...logOf(["vm.booted", { vm: "nexus-02" }]).map((record) => ({ ...record, position: 4 })),
  ];
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());
  const add = (records: readonly LogRecord[]): Promise<Head> => commit(store, { ...NOTHING, records });

  test("begins with nothing", async () => {
    expect(await store.lastPosition()).toBe(0);
    expect(await store.states()).toEqual([]);
    expect(await store.events({ after: 0, limit: 10 })).toEqual([]);
  });

  test("gives back what was committed, unchanged and in order", async () => {
    await add(log.slice(0, 2));
    await add(log.slice(2));
    expect(await store.lastPosition()).toBe(4);
    expect(await store.events({ after: 0, limit: 10 })).toEqual(log);
    expect(await store.events({ after: 1, limit: 2 })).toEqual(log.slice(1, 3));
    expect(await store.events({ after: 0, limit: 10, fleet: "dev", vm: "nexus-02" })).toEqual(log.slice(3));
    expect(await store.events({ after: 0, limit: Number.MAX_SAFE_INTEGER })).toEqual(log);
    expect(await store.events({ after: 0, limit: 10, fleet: "prod" })).toEqual([]);
    expect(await store.newest("dev", "nexus-01", 2)).toEqual([log[2], log[1]]);
  });

  test("tells a VM's records by their positions, whatever their ids", async () => {
    const ids = ["c", "a", "d", "b"];
    const records = ids.map((id, index) => ({ ...(log[0] as LogRecord), position: 1 + index, id }));
    await add(records);
    const positions = async (told: Promise<readonly LogRecord[]>) => (await told).map(({ position }) => position);
    expect(await positions(store.events({ after: 0, limit: 2, fleet: "dev", vm: "nexus-01" }))).toEqual([1, 2]);
    expect(await positions(store.events({ after: 1, limit: 9, fleet: "dev", vm: "nexus-01" }))).toEqual([2, 3, 4]);
    expect(await positions(store.newest("dev", "nexus-01", 3))).toEqual([4, 3, 2]);
  });

  test("finds an event by its id, within its VM", async () => {
    await add(log);
    expect(await store.find("dev", "nexus-01", log[1]?.id ?? "")).toBe(log[1]?.text);
    expect(await store.find("dev", "nexus-03", log[1]?.id ?? "")).toBeUndefined();
  });

  test("keeps one state a VM, the last", async () => {
    const states = [log.slice(0, 2), log.slice(0, 3)].map((records) => project(records, 0));
    for (const state of states) await commit(store, { ...NOTHING, vms: [state] });
    expect(await store.states()).toEqual([states[1]]);
  });

  test("keeps how far its states are folded, and by which fold", async () => {
    expect(await store.folded()).toEqual(UNFOLDED);
    const folded = { through: 3, format: 7 };
    await commit(store, { ...NOTHING, folded });
    await add(log.slice(0, 1));
    expect(await store.folded()).toEqual(folded);
  });

  test("knows the newest request that counts", async () => {
    const release = request("release-1", { kind: "release", vm: "nexus-01" });
    const requests = [request("roster-1"), request("roster-2"), request("roster-1-end", { counts: false }), release];
    await commit(store, { ...NOTHING, requests });
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
    await commit(store, { ...NOTHING, records: log.slice(0, 1), requests: [request("roster-1")] });
    const again = { ...(log[2] as LogRecord), position: 3, id: log[0]?.id ?? "" };
    const changes = { records: [{ ...log[1], position: 2 } as LogRecord, again], vms: [project(log, 0)] };
    await expect(commit(store, { ...changes, requests: [] })).rejects.toThrow(StoreError);
    await expect(
      commit(store, { ...NOTHING, records: log.slice(1, 2), requests: [request("roster-1")] }),
    ).rejects.toThrow(StoreError);
    expect([await store.lastPosition(), await store.states()]).toEqual([1, []]);
    await add(log.slice(1));
    expect(await store.lastPosition()).toBe(4);
  });

  test("finds the texts of many at once", async () => {
    await add(log);
    const [first, second] = log as [LogRecord, LogRecord];
    const asked = [first, second, { ...first, id: "nobody" }, { ...first, vm: "nexus-03" }];
    const texts = await store.texts(asked);
    expect(texts.get(nameOf(first))).toBe(first.text);
    expect(texts.get(nameOf(second))).toBe(second.text);
    expect(texts.size).toBe(2);
  });

  test("tells its head and what is behind another, and commits nothing where nothing is decided", async () => {
    const head = await add(log);
    expect(head.position).toBe(4);
    expect(await store.news(head)).toEqual({ head, records: [], vms: [] });
    expect((await store.news({ position: 2, version: head.version - 1 })).records).toEqual(log.slice(2));
    expect(await store.write(head, async () => NOTHING)).toEqual(head);
  });

  test("a base takes the place of the base before it, and only a cut lets records go", async () => {
    await add(log);
    const base = (through: number) => ({
      fleet: "dev",
      vm: "nexus-01",
      through,
      state: project(log.slice(0, through), 0),
    });
    expect(await store.base("dev", "nexus-01")).toBeUndefined();
    for (const through of [1, 2]) await commit(store, { ...NOTHING, bases: [base(through)] });
    expect(await store.base("dev", "nexus-01")).toEqual(base(2));
    expect(await store.base("dev", "nexus-02")).toBeUndefined();
    expect(await store.events({ after: 0, limit: 10 })).toEqual(log);
    await commit(store, { ...NOTHING, cuts: [{ fleet: "dev", vm: "nexus-01", through: 2 }] });
    expect(await store.events({ after: 0, limit: 10 })).toEqual(log.slice(2));
    expect(await store.find("dev", "nexus-01", log[0]?.id ?? "")).toBeUndefined();
    expect(await store.lastPosition()).toBe(4);
  });

  test("lists its requests in their order", async () => {
    const requests = [request("roster-1"), request("roster-2", { counts: false }), request("roster-3")];
    await commit(store, { ...NOTHING, requests });
    const [first, ...others] = await store.requestsAfter(0, 10);
    expect(first).toMatchObject(requests[0] as StoredRequest);
    expect(await store.requestsAfter(first?.ordinal ?? 0, 10)).toEqual(others);
    expect(others).toEqual(requests.slice(1).map((one) => ({ ...one, ordinal: expect.any(Number) as number })));
    expect(await store.requestsAfter(0, 1)).toEqual([first]);
  });

  test("loads all of it, or nothing, and only when it is empty", async () => {
    // Positions have gaps where a retention was.
    const [first, second] = [log.slice(1, 2), log.slice(3)];
    const fill = (bad?: Error) => async (loader: Loader) => {
      await loader.put({ ...NOTHING, records: first, requests: [request("roster-1")], kept: [["a", "1"]] });
      if (bad !== undefined) throw bad;
      await loader.put({ ...NOTHING, records: second, vms: [project(log, 0)] });
      expect(await loader.logOf("dev", "nexus-02", 0, 10)).toEqual(second);
    };
    const bad = new Error("cut short");
    await expect(store.load(fill(bad))).rejects.toBe(bad);
    expect([await store.lastPosition(), await store.request("roster-1")]).toEqual([0, undefined]);
    await store.load(fill());
    expect([await store.lastPosition(), await store.states()]).toEqual([4, [project(log, 0)]]);
    expect(await store.events({ after: 0, limit: 10 })).toEqual([...first, ...second]);
    expect(await store.kept("", 10)).toEqual(new Map([["a", "1"]]));
    expect(await store.check()).toEqual([]);
    await expect(store.load(fill())).rejects.toThrow("the store is not empty");
  });
}
