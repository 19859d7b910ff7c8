// Two engines on one database, each with its own memory.
import { PostgresServer } from "../../lab/services/postgres";
import { describeWith } from "../support/suites";
import type { Event, RosterEntry } from "@nexus-pull/contract";
import { project } from "../../receiver/src/domain/project";
import { PostgresStore } from "../../receiver/src/store/postgres";
import { event, FakeClock, openEngine, say } from "../../receiver/src/test-support";
import { putRoster } from "../../receiver/src/engine/commands";
import type { Engine } from "../../receiver/src/engine/engine";
import { readStates } from "../../receiver/src/engine/projection";

const ENTRIES: readonly RosterEntry[] = ["nexus-01", "nexus-02"].map((name) => ({
  ...{ name, instance_id: "iid-1", deadline_s: 1800, ref: "main" },
}));

describeWith(["postgres"], "two engines on one database", () => {
  let server: PostgresServer;
  const clock = new FakeClock();
  let engines: [Engine, Engine];
  let store: PostgresStore;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  beforeEach(async () => {
    const url = server.create();
    const open = () => PostgresStore.open({ url, report: () => undefined });
    store = await open();
    engines = [await openEngine(store, clock), await openEngine(await open(), clock)];
  });
  afterEach(() => Promise.all(engines.map((engine) => engine.close())));
  afterAll(() => server.stop());

  const roster = (engine: Engine): Promise<string> =>
    engine.submit(putRoster({ id: "roster-01", fleet: "dev", body: Buffer.from("x") }, ENTRIES));
  const types = async (): Promise<string[]> => (await store.events({ after: 0, limit: 1000 })).map(({ type }) => type);
  const tick = (): Promise<unknown> => Promise.all(engines.map((engine) => engine.tick()));

  test("fails when one does not know what the other acknowledged", async () => {
    const [first, second] = engines;
    await roster(first);
    await say(second, event("vm.booted"));
    await second.refresh();
    expect(second.fleets.get("dev", "nexus-02")?.phase).toBe("Expected");
    await first.refresh();
    expect(first.fleets.get("dev", "nexus-01")?.phase).toBe("Booted");
    expect(first.position).toBe(3);
    expect(await say(first, event("vm.booted"))).toEqual({ accepted: 0, duplicates: 1 });
  });

  test("fails when events of one VM by two receivers come to something else than its log", async () => {
    const types = ["vm.booted", "run.started", "vm.heartbeat", "run.succeeded", "vm.heartbeat", "run.failed"];
    const events: Event[] = types.map((type, i) => event(type, { seq: i + 1 }));
    // Every event twice, by both, at the same time and in the wrong order.
    const sent = [...events].reverse().flatMap((one) => engines.map((engine) => say(engine, one)));
    const accepted = (await Promise.all(sent)).reduce((sum, answer) => sum + answer.accepted, 0);
    expect(accepted).toBe(types.length);
    const state = project(await store.events({ after: 0, limit: 100 }), clock.now);
    await Promise.all(engines.map((engine) => engine.refresh()));
    expect(await readStates(store, clock.now)).toEqual([state]);
    for (const engine of engines) expect(engine.fleets.all()).toEqual([state]);
  });

  test("a deadline and a silence are noted once, whoever looks", async () => {
    await roster(engines[0]);
    await say(engines[1], event("vm.booted"));
    clock.pass(1800);
    for (let i = 0; i < 3; i += 1) await tick();
    clock.pass(3000);
    for (let i = 0; i < 3; i += 1) await tick();
    const said = ["vm.expected", "vm.expected", "vm.booted", "vm.overdue", "vm.overdue", "vm.stale"];
    expect(await types()).toEqual(said);
  });

  test("listeners of both are told of every event, in order, and of the phase after it", async () => {
    const told: string[][] = engines.map((engine) => {
      const lines: string[] = [];
      engine.subscribe((records, phases) =>
        lines.push(...records.map(({ position, type }, index) => `${position} ${type} ${phases[index]}`)),
      );
      return lines;
    });
    const sent = Array.from({ length: 60 }, (_, i) => {
      const vm = `vm-${i}`;
      return say(engines[i % 2] as Engine, event("vm.booted", { vm }), event("run.failed", { vm, seq: 2 }));
    });
    await Promise.all(sent);
    await Promise.all(engines.map((engine) => engine.refresh()));
    const both = sent.flatMap((_, i) => [`${2 * i + 1} vm.booted Booted`, `${2 * i + 2} run.failed Failed`]);
    for (const lines of told) expect(lines).toEqual(both);
  });

  test("an outage of the database turns nobody Stale or Overdue, and ends by itself", async () => {
    const [first] = engines;
    await roster(first);
    await say(first, event("vm.booted"));
    await server.crash();
    await expect(say(first, event("vm.heartbeat", { seq: 2 }))).rejects.toMatchObject({ code: "store_unavailable" });
    await tick();
    expect(engines.map((engine) => engine.trouble?.code)).toEqual(["store_unavailable", "store_unavailable"]);
    clock.pass(100_000);
    await tick();
    await server.run();
    await tick();
    expect(engines.map((engine) => engine.trouble)).toEqual([undefined, undefined]);
    await tick();
    expect(await types()).toEqual(["vm.expected", "vm.expected", "vm.booted"]);
    clock.pass(120);
    await tick();
    expect((await types()).slice(3)).toEqual(["vm.overdue", "vm.overdue"]);
  });
});
