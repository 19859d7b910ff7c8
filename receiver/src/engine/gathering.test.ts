import { Gathering } from "./gathering";

const LINGER_MS = 2;

beforeEach(() => jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] }));
afterEach(() => jest.useRealTimers());

/** Everything that does not wait for a time has happened then. */
async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

class Clients {
  public waiting = 0;
  public readonly gathering: Gathering;

  public constructor(groupSize = 500) {
    this.gathering = new Gathering({ waiting: () => this.waiting, lingerMs: LINGER_MS, groupSize });
  }

  public ask(count: number): void {
    this.waiting += count;
    this.gathering.another();
  }

  /** A group of all who wait; `more` ask while it is committed. */
  public commit(more = 0): number {
    const group = this.waiting;
    this.waiting = more;
    this.gathering.took(group);
    return group;
  }

  /** Whether a group is complete without a time that passes, and then, what it was. */
  public async group(): Promise<number | undefined> {
    let complete = false;
    const completed = this.gathering.complete().then(() => (complete = true));
    await turns();
    const seen = complete ? this.waiting : undefined;
    await jest.advanceTimersByTimeAsync(LINGER_MS);
    await completed;
    return seen;
  }
}

test("who asks alone waits for nobody", async () => {
  const clients = new Clients();
  for (let times = 0; times < 40; times += 1) {
    clients.ask(1);
    expect(await clients.group()).toBe(1);
    clients.commit();
  }
});

test("fails when not half of those who ask is waited for, or more", async () => {
  const clients = new Clients();
  clients.ask(4);
  await clients.group();
  clients.commit(4);
  for (const [asking, group] of [
    [3, undefined],
    [4, 4],
  ] as const) {
    clients.waiting = 0;
    clients.ask(asking);
    expect(await clients.group()).toBe(group);
  }
});

test("half of a few hundred is no more than a group may be", async () => {
  const clients = new Clients(10);
  clients.ask(300);
  clients.commit();
  clients.ask(10);
  expect(await clients.group()).toBe(10);
});

/** One comes in each turn of the event loop, until a group is complete. */
async function oneByOne(clients: Clients): Promise<number> {
  let group: number | undefined;
  clients.ask(1);
  void clients.gathering.complete().then(() => (group = clients.commit()));
  for (let turn = 0; turn < 30 && group === undefined; turn += 1) {
    await turns(1);
    clients.ask(1);
  }
  await turns();
  clients.waiting = 0;
  return group ?? 0;
}

test("fails when nobody counts those who are on their way", async () => {
  const clients = new Clients();
  const groups: number[] = [];
  for (let times = 0; times < 16; times += 1) groups.push(await oneByOne(clients));
  expect(Math.max(...groups.slice(0, 15))).toBeLessThan(5);
  expect(groups[15]).toBeGreaterThan(20);
  clients.ask(10);
  expect(await clients.group()).toBeUndefined();
  clients.ask(6);
  expect(await clients.group()).toBe(16);
});

test("fails when a count does not tell that some have gone", async () => {
  const clients = new Clients();
  clients.ask(100);
  clients.commit();
  for (const asking of [...Array.from({ length: 14 }, () => 50), 60, 30]) {
    clients.ask(asking);
    expect(await clients.group()).toBe(asking);
    clients.commit();
  }
});

test("fails when clients that have gone are waited for ever after", async () => {
  const clients = new Clients();
  clients.ask(100);
  clients.commit();
  let waits = 0;
  for (let times = 0; times < 16; times += 1) {
    clients.ask(4);
    if ((await clients.group()) === undefined) waits += 1;
    clients.commit();
  }
  expect(waits).toBeGreaterThan(3);
  clients.ask(4);
  expect(await clients.group()).toBe(4);
});

test("a moment in which nobody asks does not make all groups small", async () => {
  const clients = new Clients();
  clients.ask(100);
  clients.commit();
  clients.ask(2);
  await clients.group();
  clients.commit();
  clients.ask(30);
  expect(await clients.group()).toBeUndefined();
  clients.ask(8);
  expect(await clients.group()).toBe(38);
});
