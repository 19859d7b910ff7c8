import fc from "fast-check";
import type { Event, RosterEntry } from "@nexus-pull/contract";
import { project } from "../domain/project";
import { MemoryStore } from "../store/memory";
import { StoreError } from "../store/port";
import { A, B, event, FakeClock, openEngine, say, T0 } from "../test-support";
import { aboutVm, noteForeignKey, putRoster, useId } from "./commands";
import type { Engine } from "./engine";
import { readStates } from "./projection";
import { Refusal } from "./refusal";

const ENTRY: RosterEntry = { name: "nexus-01", instance_id: "iid-1", deadline_s: 1800, ref: "main" };
const START_GRACE_S = 120;

class Lab {
  public readonly clock = new FakeClock();
  public readonly store = new MemoryStore();
  public engine!: Engine;

  public static async open(): Promise<Lab> {
    const lab = new Lab();
    lab.engine = await openEngine(lab.store, lab.clock);
    return lab;
  }
  public say(...events: readonly Event[]) {
    return say(this.engine, ...events);
  }
  public async roster(id: string, ...entries: readonly RosterEntry[]): Promise<unknown> {
    const body = Buffer.from(JSON.stringify(entries));
    return JSON.parse(await this.engine.submit(putRoster({ id, fleet: "dev", body }, entries))) as unknown;
  }
  public release(id: string, vm = "nexus-01"): Promise<unknown> {
    return this.about("release", id, vm);
  }
  public async about(kind: "release" | "retire" | "acknowledge", id: string, vm = "nexus-01"): Promise<unknown> {
    return JSON.parse(
      await this.engine.submit(aboutVm(kind, { id, fleet: "dev", body: new Uint8Array() }, vm)),
    ) as unknown;
  }
  public async pass(seconds: number): Promise<void> {
    this.clock.pass(seconds);
    await this.engine.tick();
  }
  public state(vm = "nexus-01") {
    return this.engine.fleets.get("dev", vm);
  }
  public async types(): Promise<string[]> {
    return (await this.store.events({ after: 0, limit: 1000 })).map(({ type }) => type);
  }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "accepted",
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

describe("events", () => {
  test("are stored once, however often they come", async () => {
    const lab = await Lab.open();
    const [one, two] = [event("vm.booted"), event("vm.heartbeat", { seq: 2 })];
    expect(await lab.say(one)).toEqual({ accepted: 1, duplicates: 0 });
    expect(await Promise.all([lab.say(one, two), lab.say(two)])).toEqual([
      { accepted: 1, duplicates: 1 },
      { accepted: 0, duplicates: 1 },
    ]);
    expect(await lab.types()).toEqual(["vm.booted", "vm.heartbeat"]);
  });

  test("fails when the phase that a listener is told of is not the one after that very event", async () => {
    const lab = await Lab.open();
    const told: string[] = [];
    lab.engine.subscribe((records, phases) =>
      told.push(...records.map(({ vm, type }, index) => `${vm} ${type} ${phases[index]}`)),
    );
    const [booted, ...ran] = ["vm.booted", "run.started", "run.succeeded"].map((type, i) =>
      event(type, { seq: i + 1 }),
    );
    const again = { run_id: "run-2" };
    const late = event("vm.heartbeat", { seq: 4 });
    const [waits, ends] = ["run.started", "run.failed"].map((type, i) => event(type, { seq: i + 5, data: again }));
    // All of it is one group, but for the first.
    await lab.say(booted as Event);
    await Promise.all([lab.say(...ran), lab.say(event("vm.booted", { vm: "b" })), lab.say(waits as Event, late)]);
    await lab.say(ends as Event);
    expect(told).toEqual([
      "nexus-01 vm.booted Booted",
      "nexus-01 run.started Configuring",
      "nexus-01 run.succeeded Configured",
      "b vm.booted Booted",
      // It waits for the one before it, and counts with it.
      "nexus-01 run.started Configured",
      "nexus-01 vm.heartbeat Configuring",
      "nexus-01 run.failed Failed",
    ]);
  });

  test("a reused id is a conflict, and nothing of its batch is stored", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted", { seq: 2 }));
    const other = event("vm.heartbeat", { seq: 2 });
    expect(await codeOf(lab.say(event("vm.booted"), other))).toBe("id_conflict");
    expect(await lab.types()).toEqual(["vm.booted"]);
  });

  test("fails when a commit that failed leaves something behind", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"));
    const full = jest.spyOn(lab.store, "commit").mockRejectedValueOnce(new StoreError("store_full", "full"));
    await expect(lab.say(event("run.started", { seq: 2 }))).rejects.toThrow(StoreError);
    expect([lab.state()?.phase, lab.engine.position, lab.engine.trouble?.code]).toEqual(["Booted", 1, "store_full"]);
    full.mockRestore();
    await lab.say(event("run.started", { seq: 2 }));
    expect([lab.state()?.phase, lab.engine.position, lab.engine.trouble]).toEqual(["Configuring", 2, undefined]);
  });

  test("fails when one request's defect is its neighbours'", async () => {
    const lab = await Lab.open();
    const bad = lab.engine.submit(async () => {
      throw new TypeError("a defect");
    });
    const good = lab.say(event("vm.booted"));
    await expect(bad).rejects.toThrow("a defect");
    expect(await good).toEqual({ accepted: 1, duplicates: 0 });
  });
});

describe("rosters and releases", () => {
  test("name, change, retire and bring back", async () => {
    const lab = await Lab.open();
    expect(await lab.roster("roster-01", ENTRY, { ...ENTRY, name: "nexus-02" })).toEqual({ expected: 2, retired: 0 });
    expect(await lab.roster("roster-02", ENTRY, { ...ENTRY, name: "nexus-02" })).toEqual({ expected: 0, retired: 0 });
    expect(await lab.roster("roster-03", { ...ENTRY, ref: "dev" })).toEqual({ expected: 1, retired: 1 });
    expect([lab.state()?.phase, lab.state("nexus-02")?.phase]).toEqual(["Expected", "Retired"]);
    expect(await lab.roster("roster-04", ENTRY, { ...ENTRY, name: "nexus-02" })).toEqual({ expected: 2, retired: 0 });
    expect(lab.state("nexus-02")?.phase).toBe("Expected");
  });

  test("a VM that no roster named is retired by none", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"));
    expect(await lab.roster("roster-01")).toEqual({ expected: 0, retired: 0 });
    expect(lab.state()?.phase).toBe("Booted");
  });

  test("only the newest may be repeated", async () => {
    const lab = await Lab.open();
    const first = await lab.roster("roster-01", ENTRY);
    expect(await lab.roster("roster-01", ENTRY)).toEqual(first);
    expect(await codeOf(lab.roster("roster-01"))).toBe("id_used");
    expect(await codeOf(lab.release("roster-01"))).toBe("id_used");
    await lab.roster("roster-02", ENTRY);
    expect(await codeOf(lab.roster("roster-01", ENTRY))).toBe("id_used");
    expect(await lab.types()).toEqual(["vm.expected"]);
  });

  test("an end counts only for the newest roster, and may be repeated either way", async () => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.roster("roster-02", ENTRY);
    for (let i = 0; i < 2; i += 1) expect(await lab.roster("roster-01-end")).toEqual({ expected: 0, retired: 0 });
    expect(lab.state()?.phase).toBe("Expected");
    for (let i = 0; i < 2; i += 1) expect(await lab.roster("roster-02-end")).toEqual({ expected: 0, retired: 1 });
    expect(lab.state()?.phase).toBe("Retired");
  });

  test("a release makes the VM Expected anew, and its machine an impostor, once a boot", async () => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.say(event("vm.booted"), event("run.succeeded", { seq: 2 }));
    expect(lab.state()?.phase).toBe("Configured");
    for (let i = 0; i < 2; i += 1) expect(await lab.release("release-01")).toEqual({ released: true });
    await lab.say(event("vm.heartbeat", { seq: 3 }));
    await lab.say(event("vm.heartbeat", { seq: 4 }));
    expect([lab.state()?.phase, lab.state()?.impostors]).toEqual(["Expected", 1]);
    await lab.pass(START_GRACE_S + 1800);
    expect([lab.state()?.phase, lab.state()?.reason]).toEqual(["Overdue", "overdue_roster"]);
    await lab.say(event("vm.booted", { stream: B }), event("run.succeeded", { stream: B, seq: 2 }));
    expect(lab.state()?.phase).toBe("Configured");
    expect(await lab.release("release-02", "nexus-99")).toEqual({ released: false });
  });

  test("a key that speaks for another VM is noted once an hour", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"));
    const note = noteForeignKey({ fleet: "dev", vm: "nexus-01", claimed: "nexus-02" });
    await lab.engine.submit(note);
    await lab.engine.submit(note);
    expect(lab.state()?.impostors).toBe(1);
    lab.clock.pass(3600);
    await lab.engine.submit(note);
    expect([lab.state()?.impostors, lab.state()?.phase, lab.state("nexus-02")]).toEqual([2, "Booted", undefined]);
  });
});

describe("the receiver's clock", () => {
  test.each<[string, readonly Event[], number]>([
    ["overdue_roster", [event("vm.booted")], 1800],
    ["overdue_bootstrap", [event("vm.booted"), event("bootstrap.started", { seq: 2 })], 600 + 120],
    ["overdue_run", [event("vm.booted"), event("run.started", { seq: 2 })], 1200 + 300],
  ])("%s", async (reason, events, seconds) => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.say(...events);
    await lab.pass(seconds - 1);
    expect(lab.state()?.phase).not.toBe("Overdue");
    await lab.pass(1);
    expect([lab.state()?.phase, lab.state()?.reason]).toEqual(["Overdue", reason]);
  });

  test("the roster's deadline begins with the VM's first event, and another roster changes its length only", async () => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.pass(1000);
    await lab.roster("roster-02", { ...ENTRY, deadline_s: 2400 });
    await lab.pass(1399);
    expect(lab.state()?.phase).toBe("Expected");
    await lab.pass(1);
    expect([lab.state()?.phase, lab.state()?.reason]).toEqual(["Overdue", "overdue_roster"]);
  });

  test("no deadline fires after a success", async () => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.say(event("vm.booted"), event("run.succeeded", { seq: 2 }));
    await lab.pass(2000);
    expect(lab.state()?.phase).toBe("Configured");
  });

  test("three heartbeats of silence are Stale, and the next word brings back what was", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted", { data: { heartbeat_s: 100 } }), event("run.succeeded", { seq: 2 }));
    await lab.pass(300);
    expect(lab.state()?.phase).toBe("Configured");
    await lab.pass(1);
    expect([lab.state()?.phase, lab.state()?.reason]).toEqual(["Stale", "silent"]);
    await lab.pass(1000);
    await lab.say(event("vm.heartbeat", { seq: 3 }));
    expect([lab.state()?.phase, lab.state()?.reason]).toEqual(["Configured", "converged"]);
    expect((await lab.types()).slice(2)).toEqual(["vm.stale", "vm.recovered", "vm.heartbeat"]);
  });

  test("an outage of the receiver turns nobody Stale or Overdue", async () => {
    const lab = await Lab.open();
    await lab.roster("roster-01", ENTRY);
    await lab.say(event("vm.booted"));
    await lab.say(event("vm.booted", { vm: "nexus-02" }), event("run.succeeded", { vm: "nexus-02", seq: 2 }));
    lab.clock.pass(100_000);
    lab.engine = await openEngine(lab.store, lab.clock);
    await lab.pass(START_GRACE_S - 1);
    expect([lab.state()?.phase, lab.state("nexus-02")?.phase]).toEqual(["Booted", "Configured"]);
    await lab.pass(1);
    expect(lab.state()?.phase).toBe("Overdue");
    await lab.pass(2700);
    expect(lab.state("nexus-02")?.phase).toBe("Stale");
  });

  test("an outage of the store turns nobody Stale, and ends without an event", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"), event("run.succeeded", { seq: 2 }));
    const full = (): Promise<never> => Promise.reject(new StoreError("store_full", "full"));
    const commit = jest.spyOn(lab.store, "commit").mockImplementation(full);
    const swap = jest.spyOn(lab.store, "swap").mockImplementation(full);
    await expect(lab.say(event("vm.heartbeat", { seq: 3 }))).rejects.toThrow(StoreError);
    await lab.pass(100_000);
    expect(lab.engine.trouble?.code).toBe("store_full");
    commit.mockRestore();
    swap.mockRestore();
    await lab.pass(1);
    expect([lab.engine.trouble, lab.state()?.phase]).toEqual([undefined, "Configured"]);
    expect(await lab.store.kept("", 10)).toEqual(new Map());
    await lab.pass(2701);
    expect(lab.state()?.phase).toBe("Stale");
  });

  test("a gap is waited for, then passed over", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"));
    await lab.say(event("run.succeeded", { seq: 3 }));
    await lab.pass(29);
    expect(lab.state()?.phase).toBe("Booted");
    await lab.pass(1);
    expect(lab.state()?.phase).toBe("Configured");
    await lab.say(event("run.started", { seq: 2 }));
    expect([lab.state()?.phase, lab.state()?.held]).toEqual(["Configured", []]);
  });
});

const TYPES = ["vm.booted", "vm.heartbeat", "run.started", "run.succeeded", "run.failed", "bootstrap.started"];
const action = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant("say"), fc.constantFrom(A, B), fc.nat(12), fc.constantFrom(...TYPES)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("pass"), fc.constantFrom(1, 31, 400, 2000), fc.nat(), fc.constant("")) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("roster", "empty", "release"), fc.nat(1), fc.nat(), fc.constant("")),
  },
);

test("fails when the live projection is not what the log says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const lab = await Lab.open();
      for (const [index, [kind, value, seq, type]] of actions.entries()) {
        if (kind === "pass") await lab.pass(Number(value));
        else if (kind === "roster") await lab.roster(`roster-${index}`, { ...ENTRY, instance_id: `iid-${value}` });
        else if (kind === "empty") await lab.roster(`roster-${index}`);
        else if (kind === "release") await lab.release(`release-${index}`);
        else await lab.say(event(type, { stream: String(value), seq: seq + 1 })).catch(() => undefined);
      }
      await lab.pass(31);
      const records = await lab.store.events({ after: 0, limit: 10_000 });
      if (records.length === 0) return;
      expect(lab.state()).toEqual(project(records, lab.clock.now));
      expect(await readStates(lab.store, lab.clock.now)).toEqual([lab.state()]);
      expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
      expect(lab.state()?.suspects).toEqual({});
    }),
    { numRuns: 500, seed: 11 },
  );
}, 120_000);

test("time begins where the log's clock does", async () => {
  expect((await Lab.open()).engine.startedAt).toBe(T0);
});

describe("an operator", () => {
  test("retires a VM that no roster names, once; it is expected again when a roster does", async () => {
    const lab = await Lab.open();
    expect(await lab.about("retire", "retire-01")).toEqual({ retired: false });
    await lab.say(event("vm.booted"));
    expect(await lab.about("retire", "retire-02")).toEqual({ retired: true });
    expect(await lab.about("retire", "retire-02")).toEqual({ retired: true });
    expect(await lab.about("retire", "retire-03")).toEqual({ retired: false });
    expect(await codeOf(lab.about("retire", "retire-02"))).toBe("id_used");
    expect([lab.state()?.phase, lab.state()?.retired]).toEqual(["Retired", true]);
    await lab.roster("roster-01", { name: "nexus-01", instance_id: "iid-1", deadline_s: 1800, ref: "main" });
    expect([lab.state()?.phase, lab.state()?.retired]).toEqual(["Expected", undefined]);
  });

  test("acknowledges what is wrong with a VM; fails when that outlives the phase", async () => {
    const lab = await Lab.open();
    await lab.say(event("vm.booted"));
    expect(await lab.about("acknowledge", "acknowledge-01")).toEqual({ acknowledged: false });
    await lab.say(event("run.failed", { seq: 2 }));
    lab.clock.pass(5);
    expect(await lab.about("acknowledge", "acknowledge-02")).toEqual({ acknowledged: true });
    expect([lab.state()?.phase, lab.state()?.acknowledged]).toEqual(["Failed", lab.clock.now]);
    await lab.say(event("vm.heartbeat", { seq: 3 }));
    expect(lab.state()?.acknowledged).toBeDefined();
    await lab.say(event("run.started", { seq: 4, data: { run_id: "run-2" } }));
    expect([lab.state()?.phase, lab.state()?.acknowledged]).toEqual(["Configuring", undefined]);
  });

  test("uses up the id of a request that changes no VM", async () => {
    const lab = await Lab.open();
    await lab.engine.submit(useId("resend-01", "chat"));
    expect(await codeOf(lab.engine.submit(useId("resend-01", "chat")))).toBe("id_used");
    expect(await codeOf(lab.about("retire", "resend-01"))).toBe("id_used");
  });
});
