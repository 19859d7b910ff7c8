// Many VMs' histories through the engine twice: as they were said, and as a bad network delivers them.
import fc from "fast-check";
import { type Event, lifecycle } from "@nexus-pull/contract";
import { isFromAgent } from "../domain/log";
import { project } from "../domain/project";
import type { VmState } from "../domain/state";
import { MemoryStore } from "../store/memory";
import { A, B, DATA, event, FakeClock, incoming } from "../test-support";
import { takeEvents } from "./commands";
import { Engine } from "./engine";

/** 10,000 are half a minute of computing: for who changes something else, fewer do. */
const HISTORIES = Number(process.env.NEXUS_PULL_HISTORIES ?? (process.env.CI ? "10000" : "2000"));
const TOGETHER = 100;
const TYPES = Object.keys(lifecycle.events);
const BY_AGENT = TYPES.filter((type) => isFromAgent({ type }));
/** Those that the receiver makes of rosters and releases; the others it makes by itself here. */
const OF_OPERATORS = ["vm.expected", "vm.retired", "vm.released"];

const order = fc.array(fc.nat(), { minLength: 6, maxLength: 6 });
const segment = fc.record({
  stream: fc.constantFrom(A, B, "c".repeat(32)),
  types: fc.array(fc.constantFrom(...BY_AGENT), { minLength: 1, maxLength: 6 }),
  then: fc.option(fc.constantFrom(...OF_OPERATORS), { nil: undefined }),
  order,
  again: order,
});
type History = readonly (typeof segment extends fc.Arbitrary<infer S> ? S : never)[];

const permuted = <T>(values: readonly T[], keys: readonly number[]): T[] =>
  values
    .map((value, i) => ({ value, key: keys[i] ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);

/** Segment by segment, in which the clock stands still: what a VM says, then what an operator asks. */
function arrivals(
  vm: string,
  history: History,
  badly: boolean,
): { readonly events: Event[]; readonly then?: string }[] {
  const next = new Map<string, number>();
  return history.map(({ stream, types, then, order, again }) => {
    const events = types.map((type) => {
      const seq = next.get(stream) ?? 1;
      next.set(stream, seq + 1);
      return event(type, { vm, stream, seq });
    });
    // Every event twice, each time in another order.
    return { events: badly ? [...permuted(events, order), ...permuted(events, again)] : events, then };
  });
}

async function live(histories: readonly History[], badly: boolean): Promise<ReadonlyMap<string, VmState>> {
  const [store, clock] = [new MemoryStore(), new FakeClock()];
  const engine = await Engine.open({ store, now: clock.read, lingerMs: 0, groupSize: 10_000 });
  const logs = histories.map((history, i) => arrivals(`vm-${i}`, history, badly));
  const steps = Math.max(...logs.map(({ length }) => length));
  for (let step = 0; step < steps; step += 1) {
    await Promise.all(
      logs.flatMap((log, i) => {
        const { events = [], then } = log[step] ?? {};
        const said = events.map((one) => engine.submit(takeEvents([incoming(one)])));
        if (then === undefined) return said;
        const data = DATA[then] ?? {};
        return [...said, engine.submit((transaction) => transaction.draft("dev", `vm-${i}`, { type: then, data }))];
      }),
    );
    clock.pass(60);
    await engine.tick();
  }
  const states = new Map(engine.fleets.all().map((state) => [state.vm, state]));
  if (badly)
    for (const [vm, state] of states)
      expect(state).toEqual(project(await store.events({ after: 0, limit: 1000, fleet: "dev", vm }), clock.now));
  return states;
}

/** Positions move with the order of arrival; what the VM is does not. */
function essence(state: VmState | undefined): unknown {
  if (state === undefined) return undefined;
  const { flagged, machines, ...rest } = state;
  const told = Object.values(machines).map((machine) => ({ ...machine, first: undefined }));
  const byStream = (a: { stream: string }, b: { stream: string }): number => (a.stream < b.stream ? -1 : 1);
  return { ...rest, last: undefined, machines: told.sort(byStream), flagged: [...flagged].sort() };
}

test("fails when the order of arrival within a stream, or a repetition, shows", async () => {
  const histories = fc.sample(fc.array(segment, { minLength: 1, maxLength: 6 }), { numRuns: HISTORIES, seed: 8 });
  const phases = new Set<string>();
  for (let from = 0; from < HISTORIES; from += TOGETHER) {
    const some = histories.slice(from, from + TOGETHER);
    const [well, badly] = [await live(some, false), await live(some, true)];
    for (const [vm, state] of well) {
      phases.add(state.phase);
      expect(essence(badly.get(vm))).toEqual(essence(state));
    }
  }
  expect(phases.size).toBeGreaterThan(6);
}, 240_000);
