import { lifecycle, reasons } from "@nexus-pull/contract";
import { Engine } from "../engine/engine";
import { MemoryStore } from "../store/memory";
import { StoreError } from "../store/port";
import { timed } from "../store/timed";
import { A, event, FakeClock, say } from "../test-support";
import { Metrics } from "./metrics";

async function watched(): Promise<{ engine: Engine; clock: FakeClock; metrics: Metrics }> {
  const [clock, metrics] = [new FakeClock(), new Metrics()];
  const observe = { committed: metrics.committed.bind(metrics), failed: () => undefined };
  const engine = await Engine.open({ store: new MemoryStore(), now: clock.read, lingerMs: 0, observe });
  metrics.watch(engine, clock.read);
  return { engine, clock, metrics };
}

/** Lines of one metric, without its name. */
async function series(metrics: Metrics, name: string): Promise<string[]> {
  return [...(await metrics.text()).matchAll(new RegExp(`^${name}(\\{.*|\\s.*)$`, "gm"))].map(([, rest]) => rest ?? "");
}

test("counts VMs by phase, trouble by reason, runs by outcome, and how long", async () => {
  const { engine, clock, metrics } = await watched();
  await say(engine, event("vm.booted"), event("run.failed", { seq: 2 }));
  await say(engine, event("vm.booted", { vm: "vm-2" }), event("run.succeeded", { vm: "vm-2", seq: 2 }));
  clock.pass(90);
  expect(await series(metrics, "nexus_pull_vms_in_trouble")).toEqual(['{phase="Failed",reason="task_failed"} 1']);
  expect(await series(metrics, "nexus_pull_phase_age_seconds_max")).toContain('{phase="Failed"} 90');
  expect(await series(metrics, "nexus_pull_silence_seconds_max")).toEqual([" 90"]);
  expect(await series(metrics, "nexus_pull_runs_total")).toEqual([
    '{outcome="failed"} 1',
    '{outcome="changed-intentional"} 1',
  ]);
  expect(await series(metrics, "nexus_pull_run_duration_seconds_count")).toEqual([" 2"]);
  await say(engine, event("run.succeeded", { seq: 3, data: { run_id: "run-2" } }));
  expect(await series(metrics, "nexus_pull_vms_in_trouble")).toEqual([]);
  const entered = await series(metrics, "nexus_pull_phase_entered_total");
  expect(entered).toEqual(
    expect.arrayContaining(['{phase="Failed"} 1', '{phase="Configured"} 2', '{phase="Stale"} 0']),
  );
});

test("has no more series however many VMs there are and whatever they say", async () => {
  const { engine, metrics } = await watched();
  const count = async (): Promise<number> =>
    (await metrics.text()).split("\n").filter((line) => line.startsWith("nexus_pull_")).length;
  const speak = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, async (_, i) => {
        const of = { vm: `vm-${from + i}`, stream: A.slice(8) + String(10_000_000 + from + i) };
        await say(engine, event("vm.booted", of));
        await say(engine, event("run.failed", { ...of, seq: 2, data: { reason: `made_up_${from + i}` } }));
      }),
    );
  await speak(0, 2);
  const before = await count();
  await speak(2, 200);
  expect(await count()).toBe(before);
  const text = await metrics.text();
  const labels = (name: string) =>
    new Set([...text.matchAll(new RegExp(`${name}="([^"]*)"`, "g"))].map(([, one]) => one));
  const closed = [...reasons.map(({ code }) => code), "other"];
  expect([...labels("reason")].filter((one) => !closed.includes(one ?? ""))).toEqual([]);
  expect([...labels("phase")].sort()).toEqual(lifecycle.phases.map(({ name }) => name as string).sort());
});

test("tells how long reads of the store took, those that fail as well", async () => {
  const [memory, metrics] = [new MemoryStore(), new Metrics()];
  const store = timed(memory, metrics.read);
  await store.events({ after: 0, limit: 1 });
  jest.spyOn(memory, "states").mockRejectedValueOnce(new StoreError("store_unavailable", "away"));
  await expect(timed(memory, metrics.read).states()).rejects.toThrow("away");
  expect(store.shared).toBe(false);
  await store.swap("a", undefined, "1");
  expect(await series(metrics, "nexus_pull_store_read_seconds_count")).toEqual([" 2"]);
});

test("names are as Prometheus wants them: a unit, _total for counters, help for each", async () => {
  const { metrics } = await watched();
  const text = await metrics.text();
  const kinds = [...text.matchAll(/^# TYPE (nexus_pull_\w+) (\w+)$/gm)];
  expect(kinds.length).toBeGreaterThan(12);
  for (const [, name = "", kind] of kinds) {
    expect([name, /_total$/.test(name)]).toEqual([name, kind === "counter"]);
    expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
  }
});
