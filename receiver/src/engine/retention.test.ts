import fc from "fast-check";
import type { RosterEntry } from "@nexus-pull/contract";
import { project } from "../domain/project";
import { MemoryStore } from "../store/memory";
import { A, B, event, FakeClock, openEngine, say } from "../test-support";
import { aboutVm, putRoster } from "./commands";
import type { Engine } from "./engine";
import { readStates } from "./projection";
import { retain, retainConfirmed } from "./retention";

const DAY_S = 86_400;
const ENTRY: RosterEntry = { name: "nexus-01", instance_id: "iid-1", deadline_s: 1800, ref: "main" };

class Lab {
  public readonly clock = new FakeClock();
  public readonly store = new MemoryStore();
  public engine!: Engine;

  public static async open(): Promise<Lab> {
    const lab = new Lab();
    lab.engine = await openEngine(lab.store, lab.clock);
    return lab;
  }
  public async positions(): Promise<number[]> {
    return (await this.store.events({ after: 0, limit: 10_000 })).map(({ position }) => position);
  }
  public states() {
    return readStates(this.store, this.clock.now);
  }
  public async pass(seconds: number): Promise<void> {
    this.clock.pass(seconds);
    await this.engine.tick();
  }
  public retain(events?: number, days?: number): Promise<number> {
    return retain(this.engine, this.store, { events, days }, this.clock.now);
  }
  public heartbeat(seq: number, vm = "nexus-01") {
    return say(this.engine, event(seq === 1 ? "vm.booted" : "vm.heartbeat", { seq, vm }));
  }
}

test("what is older goes, and what is shown of the VM stays", async () => {
  const lab = await Lab.open();
  for (let seq = 1; seq <= 5; seq += 1) {
    await lab.heartbeat(seq);
    lab.clock.pass(DAY_S);
  }
  const before = lab.engine.fleets.all();
  // The newest were received 1, 2 and 3 days ago.
  expect(await lab.retain(undefined, 3.5)).toBe(2);
  expect(await lab.positions()).toEqual([3, 4, 5]);
  expect(await lab.retain(2)).toBe(1);
  expect(await lab.positions()).toEqual([4, 5]);
  expect(lab.engine.fleets.all()).toEqual(before);
  expect(await lab.states()).toEqual(before);
});

test("fails when a position is given twice after everything was old", async () => {
  const lab = await Lab.open();
  for (let seq = 1; seq <= 3; seq += 1) await lab.heartbeat(seq);
  lab.clock.pass(10 * DAY_S);
  await lab.retain(undefined, 1);
  expect(await lab.positions()).toEqual([3]);
  lab.engine = await openEngine(lab.store, lab.clock);
  await lab.heartbeat(4);
  expect(await lab.positions()).toEqual([3, 4]);
});

test("fails when a clock that is wrong at one start empties the log", async () => {
  const lab = await Lab.open();
  const keep = (days: number) =>
    retainConfirmed(lab.engine, lab.store, { days: 30 }, lab.clock.now + days * DAY_S * 1000);
  for (let seq = 1; seq <= 3; seq += 1) await lab.heartbeat(seq);
  expect(await keep(400)).toBe(0);
  expect([await keep(0), await keep(0.5), await keep(1)]).toEqual([0, 0, 0]);
  expect(await lab.positions()).toEqual([1, 2, 3]);
  // What two times agree on goes, as of the first.
  expect([await keep(31), await keep(32.5)]).toEqual([0, 2]);
});

test("an event that comes after its place went is not taken for new", async () => {
  const lab = await Lab.open();
  await lab.heartbeat(1);
  await say(lab.engine, event("run.succeeded", { seq: 3 }));
  await lab.pass(31);
  await lab.heartbeat(4);
  expect(await lab.retain(0)).toBe(2);
  lab.clock.pass(60);
  const before = lab.engine.fleets.all();
  await expect(say(lab.engine, event("run.failed", { seq: 2 }))).rejects.toThrow("id_conflict");
  expect([lab.engine.fleets.all(), await lab.positions()]).toEqual([before, [3]]);
});

test.each([
  ["by count", (lab: Lab) => lab.retain(2)],
  ["by days", (lab: Lab) => lab.retain(undefined, 1)],
])("fails when a machine that went back past retention stays Configured, %s", async (_how, retained) => {
  const lab = await Lab.open();
  for (const [index, type] of ["vm.booted", "run.started", "run.succeeded"].entries())
    await say(lab.engine, event(type, { seq: index + 1 }));
  for (let seq = 4; seq <= 9; seq += 1) await lab.heartbeat(seq);
  lab.clock.pass(2 * DAY_S);
  for (let seq = 10; seq <= 11; seq += 1) await lab.heartbeat(seq);
  expect(await retained(lab)).toBe(9);
  expect(lab.engine.fleets.get("dev", "nexus-01")?.phase).toBe("Configured");
  // Back at its fourth word, its runs fail: no number of what went may be given again.
  await expect(say(lab.engine, event("run.failed", { seq: 4 }))).rejects.toThrow("id_conflict");
  const again = { stream: B, data: { reason: "seq_reused" } };
  await say(lab.engine, event("vm.booted", { ...again, seq: 1 }), event("run.failed", { ...again, seq: 2 }));
  expect(lab.engine.fleets.get("dev", "nexus-01")?.phase).toBe("Failed");
});

test("what is waited for, or came late to its place, stays until all of it can go", async () => {
  const lab = await Lab.open();
  await lab.heartbeat(1);
  await lab.heartbeat(3);
  await lab.heartbeat(1, "nexus-02");
  // Position 2 waits for seq 2.
  expect(await lab.retain(0)).toBe(1);
  expect(await lab.positions()).toEqual([2, 3]);
  await lab.pass(31);
  await lab.heartbeat(2, "nexus-02");
  // Its place is before position 2, which is passed over; as long as it stays, so does that one.
  await lab.heartbeat(2);
  expect(await lab.positions()).toEqual([2, 3, 4, 5]);
  expect(await lab.retain(1)).toBe(2);
  expect(await lab.positions()).toEqual([2, 5]);
});

const TYPES = ["vm.booted", "vm.heartbeat", "run.started", "run.succeeded", "run.failed", "bootstrap.started"];
/** Mostly the next seq; sometimes one is left out, to come later. */
const AHEAD = [0, 0, 0, 0, 0, 0, 1, -2];
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(
      fc.constant("say"),
      fc.constantFrom(A, B),
      fc.constantFrom(...AHEAD),
      fc.constantFrom(...TYPES),
    ),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("pass"), fc.constantFrom(1, 31, 400), fc.nat(), fc.constant("")) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("retain"), fc.nat(6), fc.nat(), fc.constant("")) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("roster", "release"), fc.nat(1), fc.nat(), fc.constant("")) },
);

test("fails when a retention changes a state, or a rebuild from what is left is not the projection", async () => {
  let wentInAll = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 15, maxLength: 40, size: "max" }), async (actions) => {
      const lab = await Lab.open();
      const next = new Map<string, number>();
      for (const [index, [kind, value, ahead, type]] of actions.entries()) {
        if (kind === "pass") await lab.pass(Number(value));
        else if (kind === "retain") {
          const before = lab.engine.fleets.all();
          wentInAll += await lab.retain(Number(value));
          expect(lab.engine.fleets.all()).toEqual(before);
        } else if (kind === "roster") {
          const call = { id: `roster-${index}`, fleet: "dev", body: Buffer.from("x") };
          await lab.engine.submit(putRoster(call, [{ ...ENTRY, instance_id: `iid-${value}` }]));
        } else if (kind === "release")
          await lab.engine.submit(
            aboutVm("release", { id: `release-${index}`, fleet: "dev", body: Buffer.alloc(0) }, "nexus-01"),
          );
        else {
          const [stream, seq] = [String(value), Math.max(1, (next.get(String(value)) ?? 1) + ahead)];
          next.set(stream, Math.max(seq + 1, next.get(stream) ?? 1));
          await say(lab.engine, event(type, { stream, seq })).catch(() => undefined);
        }
      }
      await lab.pass(31);
      const base = await lab.store.base("dev", "nexus-01");
      const records = await lab.store.events({ after: 0, limit: 10_000 });
      if (records.length === 0) return;
      expect(await lab.states()).toEqual([project(records, lab.clock.now, base?.state)]);
    }),
    { numRuns: 150, seed: 13 },
  );
  expect(wentInAll).toBeGreaterThan(200);
}, 120_000);
