import { project } from "../domain/project";
import { FOLD, type VmState } from "../domain/state";
import { MemoryStore } from "../store/memory";
import type { Changes, News } from "../store/port";
import { A, event, FakeClock, folded, logOf, openEngine, say } from "../test-support";
import { Projection, readStates } from "./projection";

const VMS = ["vm-1", "vm-2", "vm-3"];

/** A store that tells how many states each commit kept. */
class Watched extends MemoryStore {
  public readonly counts: number[] = [];
  public override async commit(changes: Changes): Promise<void> {
    this.counts.push(changes.vms.length);
    await super.commit(changes);
  }
  public async lag(): Promise<number> {
    return (await this.lastPosition()) - (await this.folded()).through;
  }
  public async log(vm: string): Promise<VmState> {
    return project(await this.events({ after: 0, limit: 1000, fleet: "dev", vm }), Infinity);
  }
}

/** Events of each VM in turn, behind those that are there. */
async function fill(store: Watched, clock: FakeClock, events: number, behindAtMost: number) {
  const engine = await openEngine(store, clock, behindAtMost);
  for (let i = engine.position; i < events; i += 1) {
    const [vm, seq] = [VMS[i % VMS.length], Math.floor(i / VMS.length) + 1];
    await say(engine, event(seq === 1 ? "vm.booted" : "vm.heartbeat", { vm, seq }));
  }
  return engine;
}

test("a state is kept once in many events of its VM, and the log behind it is never longer than is wanted", async () => {
  const store = new Watched();
  await fill(store, new FakeClock(), 90, 12);
  expect(store.counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(30);
  // Its own commit, and the last of each of the others.
  expect(await store.lag()).toBeLessThanOrEqual(12 + VMS.length);
});

test("fails when who opens the store sees something else than who wrote it", async () => {
  const [store, clock] = [new Watched(), new FakeClock()];
  for (const [events, behindAtMost] of [
    [30, 1000],
    [60, 5],
    [90, 0],
  ] as const) {
    const engine = await fill(store, clock, events, behindAtMost);
    const states = await Promise.all(VMS.map((vm) => store.log(vm)));
    expect(engine.fleets.all()).toEqual(states);
    expect((await openEngine(store, clock)).fleets.all()).toEqual(states);
    expect(await readStates(store, clock.now)).toEqual(states);
  }
  expect(store.counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3);
});

describe("a store with states of another fold", () => {
  const old = async (): Promise<[Watched, FakeClock]> => {
    const [store, clock] = [new Watched(), new FakeClock()];
    await fill(store, clock, 30, 0);
    const states = (await store.states()).map((state) => ({ ...state, phase: "Failed" as const }));
    await store.commit({ records: [], vms: states, requests: [], folded: { through: 30, format: FOLD + 1 } });
    return [store, clock];
  };

  test("is folded anew, and keeps what that came to", async () => {
    const [store, clock] = await old();
    const states = await Promise.all(VMS.map((vm) => store.log(vm)));
    const engine = await openEngine(store, clock, 1000);
    expect(engine.fleets.all()).toEqual(states);
    await say(engine, event("vm.heartbeat", { vm: "vm-1", seq: 11 }));
    expect(await store.folded()).toEqual({ through: 30, format: FOLD });
    const [first, ...others] = await store.states();
    expect([first?.last, others]).toEqual([31, states.slice(1)]);
  });

  test("also where its records went, or went in part", async () => {
    const [store, clock] = await old();
    const before = await openEngine(store, clock, 1000);
    const states = before.fleets.all();
    for (const vm of VMS) await before.submit((transaction) => transaction.settle("dev", vm, () => true));
    const kept = (await store.states()).map((state) => ({ ...state, phase: "Failed" as const }));
    await store.commit({ records: [], vms: kept, requests: [], folded: { through: 30, format: FOLD + 1 } });
    expect((await openEngine(store, clock)).fleets.all()).toEqual(states);
  });
});

test("fails when news of others has not the phase after each of its events", () => {
  const projection = new Projection(new MemoryStore(), () => 0);
  const records = logOf(["vm.booted"], ["run.started"], ["run.succeeded"], ["run.failed"]);
  const head = { position: 4, version: 4 };
  const phasesOf = (news: Partial<News>) => projection.told({ head, records, vms: [], ...news })?.phases;
  expect(phasesOf({})).toEqual(["Booted", "Configuring", "Configured", "Failed"]);
  // A state that was kept after the third: what it was before is not told.
  expect(phasesOf({ vms: [folded(records.slice(0, 3))] })).toEqual([...Array<string>(3).fill("Configured"), "Failed"]);
});

test("a store without events has nothing to fold", async () => {
  const [store, clock] = [new Watched(), new FakeClock()];
  const engine = await openEngine(store, clock);
  await say(engine, event("vm.booted", { stream: A }));
  expect(await store.folded()).toEqual({ through: 0, format: FOLD });
});
