// One receiver of several: each is told of every commit, also of its own.
import { recordOf } from "../domain/log";
import { MemoryStore } from "../store/memory";
import type { Store } from "../store/port";
import { event, FakeClock, openEngine, say, T0 } from "../test-support";

afterEach(() => jest.restoreAllMocks());

test("fails when what a receiver committed itself is read again, as it is told of it like everybody", async () => {
  const store = new MemoryStore();
  jest.replaceProperty(store, "shared", true as never);
  const [news, commit] = [store.news.bind(store), store.commit.bind(store)];
  const read: number[] = [];
  jest.spyOn(store, "news").mockImplementation(async (since) => {
    const said = await news(since);
    read.push(said.records.length);
    return said;
  });
  let tell = (): void => undefined;
  jest.spyOn(store as Store, "follow").mockImplementation(async (told) => void (tell = told));
  const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
  jest.spyOn(store, "commit").mockImplementation(async (changes) => {
    await commit(changes);
    tell();
    // Everything that does not wait for the commit's end has happened then.
    await turn();
  });
  const engine = await openEngine(store, new FakeClock());
  const before = read.length;
  await say(engine, event("vm.booted"));
  await turn();
  expect(read.slice(before)).toEqual([0, 0]);
  // What another receiver committed is read.
  await commit({ records: [recordOf(event("vm.heartbeat", { seq: 2 }), "{}", 2, T0)], vms: [], requests: [] });
  tell();
  await turn();
  expect([read.at(-1), engine.position]).toEqual([1, 2]);
  await engine.close();
});
