// Who is in a group: each has one commit.
import { MemoryStore } from "../store/memory";
import type { Changes } from "../store/port";
import { event, incoming, T0 } from "../test-support";
import { takeEvents } from "./commands";
import { Engine } from "./engine";

const LINGER_MS = 2;

afterEach(() => jest.useRealTimers());

/** Everything that does not wait for a time has happened then. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function open() {
  const store = new MemoryStore();
  const sizes: number[] = [];
  const commit = store.commit.bind(store);
  jest.spyOn(store, "commit").mockImplementation(async (changes: Changes) => {
    sizes.push(changes.records.length);
    await commit(changes);
  });
  const engine = await Engine.open({ store, now: () => T0, lingerMs: LINGER_MS });
  let vms = 0;
  const ask = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, () => {
        const one = event("vm.booted", { vm: `vm-${(vms += 1)}` });
        return engine.submit(takeEvents([incoming(one)]));
      }),
    );
  return { ask, sizes };
}

test("those that wait together are one commit", async () => {
  const { ask, sizes } = await open();
  await ask(50);
  expect(sizes).toEqual([50]);
});

test("fails when not half of those who asked is waited for, or more", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask", "performance", "hrtime"] });
  const { ask, sizes } = await open();
  await ask(4);
  const first = ask(1);
  await turns();
  expect(sizes).toEqual([4]);
  await Promise.all([first, ask(1)]);
  expect(sizes).toEqual([4, 2]);
});
