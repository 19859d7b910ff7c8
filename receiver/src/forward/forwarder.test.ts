// The loop of a forwarder over a memory store, with a clock of the test's: a pause passes at once, as time.
import { DeliveryError, type Item, pauseMs, type Target } from "./delivery";
import { compileFilter, compileScope } from "./filter";
import { Forwarder, type ForwarderOptions, type Surroundings } from "./forwarder";
import { LETTERS_KEPT, Letters } from "./letters";
import type { VmState } from "../domain/state";
import { MemoryStore } from "../store/memory";
import { FakeClock, folded, logOf } from "../test-support";

class Lab {
  public readonly clock = new FakeClock();
  public readonly store = new MemoryStore();
  public readonly sent: string[] = [];
  public readonly reported: string[] = [];
  public readonly pauses: number[] = [];
  public states: VmState[] = [];

  public async log(...types: string[]): Promise<void> {
    const from = await this.store.lastPosition();
    const records = logOf(...types.map((type) => [type] as const)).map((record, index) => ({
      ...record,
      id: `${record.id}-${from}`,
      position: from + index + 1,
    }));
    await this.store.commit({ records, vms: [], requests: [] });
  }

  /** What retention does, up to a position. */
  public async letGo(through: number): Promise<void> {
    const [first] = await this.store.events({ after: 0, limit: 1 });
    const { fleet = "", vm = "" } = first ?? {};
    await this.store.commit({ records: [], vms: [], requests: [], cuts: [{ fleet, vm, through }] });
  }

  /** A target that does what each answer says, then takes everything. */
  public target(...answers: (DeliveryError | undefined)[]): Target {
    return {
      deliver: async ({ record }: Item) => {
        const answer = answers.shift();
        if (answer !== undefined) throw answer;
        this.sent.push(`${record.position} ${record.type}`);
      },
    };
  }

  public forwarder(target: Target, more: Partial<ForwarderOptions> = {}, owner = "one"): Forwarder {
    const around: Surroundings = {
      store: this.store,
      now: this.clock.read,
      random: () => 1,
      sleep: async (ms) => {
        this.pauses.push(ms);
        this.clock.pass(ms / 1000);
      },
      stateOf: () => undefined,
      states: () => this.states,
      owner,
      report: (error) => this.reported.push((error as Error).message),
    };
    const options = { name: "chat", kind: "webhook", origin: "http://chat", target, matches: compileFilter() };
    return new Forwarder({ ...options, covers: () => true, from: "beginning", giveUpAfterMs: 60_000, ...more }, around);
  }
}

const busy = new DeliveryError("busy", false);
const refused = new DeliveryError("refused", true);
const positions = async (one: Forwarder): Promise<number[]> =>
  (await one.deadLetters()).map(({ position }) => position);

let lab: Lab;
beforeEach(() => (lab = new Lab()));

describe("a forwarder", () => {
  test("sends what matches, in the log's order, and goes on where it was after a restart", async () => {
    await lab.log("vm.booted", "run.failed", "vm.heartbeat", "run.succeeded");
    const matches = compileFilter({ types: ["run.*"], fleets: ["dev"] });
    await lab.forwarder(lab.target(), { matches }).turn();
    await lab.log("run.interrupted");
    const again = lab.forwarder(lab.target(), { matches });
    await again.turn();
    expect(lab.sent).toEqual(["2 run.failed", "4 run.succeeded", "5 run.interrupted"]);
    expect(again.status()).toMatchObject({ position: 5, delivered: 1 });
  });

  test("begins at the log's end when it has never run, and at a restored log's end when that is shorter", async () => {
    await lab.log("vm.booted", "run.failed");
    const one = lab.forwarder(lab.target(), { from: "now" });
    await one.turn();
    await lab.store.swap("forward/chat/position", "2", "900");
    const other = lab.forwarder(lab.target(), { from: "now" });
    await other.turn();
    await lab.log("run.succeeded");
    await other.turn();
    expect(lab.sent).toEqual(["3 run.succeeded"]);
  });

  test("tries again with longer pauses, as long as the target asks for, and loses nothing", async () => {
    await lab.log("run.failed", "run.succeeded");
    await lab.forwarder(lab.target(busy, busy, new DeliveryError("later", false, 20_000))).turn();
    expect(lab.pauses).toEqual([1000, 2000, 20_000]);
    expect(lab.sent).toEqual(["1 run.failed", "2 run.succeeded"]);
  });

  test("sets aside what is refused for good or for too long, says so, and goes on", async () => {
    await lab.log("vm.booted", "run.failed", "run.succeeded");
    const one = lab.forwarder(lab.target(refused, ...Array.from({ length: 6 }, () => busy), busy));
    await one.turn();
    expect(lab.sent).toEqual(["3 run.succeeded"]);
    expect(await one.deadLetters()).toMatchObject([
      { position: 1, error: "refused", attempts: 1 },
      { position: 2, error: "busy", attempts: 7 },
    ]);
    expect(lab.reported).toEqual([
      "forwarder chat: event 1 set aside: refused",
      "forwarder chat: event 2 set aside: busy",
    ]);
  });

  test("sends a dead letter again when asked, and keeps it when it is refused again", async () => {
    await lab.log("vm.booted", "run.failed");
    const one = lab.forwarder(lab.target(refused, refused, undefined, refused));
    await one.turn();
    expect(await positions(one)).toEqual([1, 2]);
    expect(await one.sendAgain()).toBe(2);
    await one.turn();
    expect(lab.sent).toEqual(["1 vm.booted"]);
    expect(await one.deadLetters()).toMatchObject([{ position: 2, attempts: 2 }]);
    await one.turn();
    expect(lab.sent).toEqual(["1 vm.booted"]);
    expect(await one.sendAgain()).toBe(1);
    await one.turn();
    expect([await positions(one), lab.sent]).toEqual([[], ["1 vm.booted", "2 run.failed"]]);
  });

  test("fails when a turn reads what was set aside though nobody asked for it, or forgets who asked meanwhile", async () => {
    await lab.log("vm.booted", "run.failed");
    const one = lab.forwarder(lab.target(refused, refused));
    await one.turn();
    const read = jest.spyOn(lab.store, "kept");
    await one.turn();
    expect(read.mock.calls.filter(([, limit]) => limit > 1)).toEqual([]);
    await one.sendAgain();
    await one.turn();
    await one.turn();
    expect([await positions(one), lab.sent]).toEqual([[], ["1 vm.booted", "2 run.failed"]]);
    // Of two requests, the second comes while the first is looked after.
    const letters = new Letters(lab.store, "chat", "one", lab.clock.read);
    await letters.add({ position: 1, error: "busy", attempts: 1, at: "" });
    await letters.sendAgain();
    const { done } = await letters.asked();
    await letters.sendAgain();
    await done();
    expect((await letters.asked()).letters).toHaveLength(1);
  });

  test("fails when events that retention let go before they were sent are lost without a word", async () => {
    await lab.log("vm.booted", "run.failed", "run.failed", "run.failed", "run.succeeded");
    const one = lab.forwarder(lab.target(undefined, refused));
    await lab.letGo(2);
    await one.turn();
    expect([lab.sent, one.status().missed]).toEqual([["3 run.failed", "5 run.succeeded"], 0]);
    await lab.log("run.failed", "run.failed", "run.failed");
    await lab.letGo(7);
    expect(await one.sendAgain()).toBe(1);
    await one.turn();
    expect([lab.sent.at(-1), one.status().missed, await positions(one)]).toEqual(["8 run.failed", 2, []]);
    expect(lab.reported.slice(1)).toEqual([
      "forwarder chat: event 4 went by retention, unsent",
      "forwarder chat: 2 events before 8 went by retention, unsent",
    ]);
  });

  test("fails when what is said again is of VMs that the filter leaves out", async () => {
    const told: string[] = [];
    const run = (states: readonly VmState[]): Promise<void> => {
      told.push(...states.map(({ fleet, vm }) => `${fleet}/${vm}`));
      return Promise.resolve();
    };
    const stateOf = (vm: string, type: string, fleet = "prod"): VmState => folded(logOf([type, { vm, fleet }]));
    lab.states = [
      stateOf("db-1", "run.failed"),
      stateOf("web-1", "run.failed"),
      stateOf("db-2", "vm.booted"),
      stateOf("db-3", "run.failed", "dev"),
    ];
    const covers = compileScope({ types: ["run.*"], fleets: ["prod"], vms: ["db-*"], phases: ["Failed"] });
    await lab.forwarder({ ...lab.target(), refresh: { everyMs: 1000, run } }, { covers }).turn();
    expect(told).toEqual(["prod/db-1"]);
  });

  test("keeps the newest dead letters when there are too many, and counts the rest", async () => {
    const letters = new Letters(lab.store, "chat", "one", lab.clock.read);
    const letter = { error: "e", attempts: 1, at: "t" };
    for (let position = 1; position <= LETTERS_KEPT; position += 1)
      expect(await letters.add({ ...letter, position })).toBe(false);
    expect(await letters.add({ ...letter, position: LETTERS_KEPT + 1 })).toBe(true);
    expect((await letters.all()).map(({ position }) => position).slice(0, 2)).toEqual([2, 3]);
  });

  test("takes an error that is no refusal for the event's own: it is set aside, the next goes", async () => {
    await lab.log("vm.booted", "run.failed");
    const target: Target = {
      deliver: async ({ record }) => {
        if (record.position === 1) throw new TypeError("template: no such helper");
        lab.sent.push(record.type);
      },
    };
    const one = lab.forwarder(target);
    await one.turn();
    expect([await positions(one), lab.sent]).toEqual([[1], ["run.failed"]]);
  });
});

describe("two receivers on one store", () => {
  test("one of them forwards; the other takes over when it is silent for the lease", async () => {
    await lab.log("vm.booted");
    const [one, two] = [lab.forwarder(lab.target(), {}, "one"), lab.forwarder(lab.target(), {}, "two")];
    await one.turn();
    expect(await two.turn()).toBe(false);
    await lab.log("run.failed");
    lab.clock.pass(31);
    await two.turn();
    expect(await one.turn()).toBe(false);
    expect(lab.sent).toEqual(["1 vm.booted", "2 run.failed"]);
  });

  test("one that lost the lead while it waited leaves the event to the other", async () => {
    await lab.log("vm.booted");
    const two = lab.forwarder(lab.target(), {}, "two");
    let taken = false;
    const target: Target = {
      deliver: async () => {
        if (taken) throw new Error("sent twice");
        taken = true;
        lab.clock.pass(31);
        await two.turn();
        throw busy;
      },
    };
    const one = lab.forwarder(target, {}, "one");
    expect(await one.turn()).toBe(false);
    expect(lab.sent).toEqual(["1 vm.booted"]);
    expect(await positions(one)).toEqual([]);
  });

  test("one that stops lets the other lead at once", async () => {
    await lab.log("vm.booted");
    const one = lab.forwarder(lab.target(), {}, "one");
    const running = one.run();
    one.stop();
    await running;
    await lab.forwarder(lab.target(), {}, "two").turn();
    expect(lab.sent).toContain("1 vm.booted");
  });
});

describe("the filter", () => {
  const [record] = logOf(["run.failed", { vm: "db.01", fleet: "prod" }]);
  const item = { record: record as NonNullable<typeof record> };
  test.each([
    [{}, true],
    [{ types: ["run.*"] }, true],
    [{ types: ["run"] }, false],
    [{ types: ["vm.*", "run.failed"], fleets: ["pro*"], vms: ["db.*"] }, true],
    [{ vms: ["db?01"] }, false],
    [{ vms: ["dbx01"] }, false],
    [{ phases: ["Failed"] }, false],
  ])("%j: %s", (filter, expected) => expect(compileFilter(filter)(item)).toBe(expected));
});

test("a pause doubles to five minutes, half of it by chance, and an hour is the longest that a target may ask for", () => {
  expect([1, 2, 9, 10, 100].map((attempt) => pauseMs(attempt, 1))).toEqual([1000, 2000, 256_000, 300_000, 300_000]);
  expect([pauseMs(3, 0), pauseMs(3, 0.5), pauseMs(1, 0, 86_400_000)]).toEqual([2000, 3000, 3_600_000]);
});
