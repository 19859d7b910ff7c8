// Copies: two machines that claim to be one VM, streams without end, and what each machine is told.
import { lifecycle } from "@nexus-pull/contract";
import { standingOf } from "../domain/standing";
import { MemoryStore } from "../store/memory";
import { A, B, COMMIT, event, FakeClock, openEngine, say } from "../test-support";
import { aboutVm, trust } from "./commands";
import type { Engine } from "./engine";

const { limits } = lifecycle.streams;

class Lab {
  public readonly clock = new FakeClock();
  public engine!: Engine;
  private readonly seqs = new Map<string, number>();

  public static async open(): Promise<Lab> {
    const lab = new Lab();
    lab.engine = await openEngine(new MemoryStore(), lab.clock);
    return lab;
  }
  public async say(stream: string, ...types: readonly string[]): Promise<void> {
    for (const type of types) {
      const seq = (this.seqs.get(stream) ?? 0) + 1;
      await say(this.engine, event(type, { stream, seq }));
      this.seqs.set(stream, seq);
    }
  }
  public state() {
    return this.engine.fleets.get("dev", "nexus-01");
  }
  public shown(): readonly (string | undefined)[] {
    return [this.state()?.phase, this.state()?.reason];
  }
  public standing(stream: string) {
    return standingOf(this.state(), stream);
  }
  public trust(stream: string): Promise<string> {
    const call = { id: `trust-${stream}`, fleet: "dev", body: new Uint8Array() };
    return this.engine.submit(trust(call, "nexus-01", stream));
  }
}

const RUN = ["run.started", "run.succeeded"];
const CONTESTED = ["Failed", "identity_contested"];

async function contested(): Promise<Lab> {
  const lab = await Lab.open();
  await lab.say(A, "vm.booted", ...RUN);
  // A copy began a stream of its own and proves itself, while the original lives.
  await lab.say(B, "vm.booted", ...RUN);
  expect(lab.shown()).toEqual(["Configured", "converged"]);
  await lab.say(A, "run.failed");
  return lab;
}

describe("while two living machines claim one identity", () => {
  test("fails when the VM is green, whatever the newer one proves", async () => {
    const lab = await contested();
    expect(lab.shown()).toEqual(CONTESTED);
    await lab.say(B, ...RUN);
    expect(lab.shown()).toEqual(CONTESTED);
    expect([lab.standing(A), lab.standing(B)]).toEqual([
      { standing: "superseded", contested: true },
      { standing: "current", contested: true, converged: false, commit: COMMIT },
    ]);
  });

  test("silence of the other one, and a run that proves itself, end it", async () => {
    const lab = await contested();
    lab.clock.pass(lifecycle.silence.heartbeat_s_default * 3);
    await lab.say(B, ...RUN);
    expect(lab.shown()).toEqual(CONTESTED);
    lab.clock.pass(1);
    await lab.say(B, ...RUN);
    expect(lab.shown()).toEqual(["Configured", "converged"]);
  });

  test("an operator names the older one, and nothing that was said before counts", async () => {
    const lab = await contested();
    expect(await lab.trust(A)).toBe('{"trusted":true}');
    expect([lab.shown(), lab.standing(A), lab.standing(B)]).toEqual([
      ["Expected", "released"],
      { standing: "current", converged: false },
      { standing: "superseded" },
    ]);
    await lab.say(A, ...RUN);
    expect(lab.shown()).toEqual(["Configured", "converged"]);
    // The copy is an impostor from now on, and contests nothing.
    await lab.say(B, "run.failed");
    expect([lab.shown(), lab.state()?.impostors]).toEqual([["Configured", "converged"], 2]);
  });

  test("a machine that is not known is not named", async () => {
    const lab = await contested();
    expect(await lab.trust("f".repeat(32))).toBe('{"trusted":false}');
    expect(lab.shown()).toEqual(CONTESTED);
  });

  test("a release ends it", async () => {
    const lab = await contested();
    const call = { id: "release-0001", fleet: "dev", body: new Uint8Array() };
    await lab.engine.submit(aboutVm("release", call, "nexus-01"));
    expect([lab.shown(), lab.standing(B)]).toEqual([["Expected", "released"], { standing: "released" }]);
  });
});

describe("a machine whose state goes back again and again", () => {
  const stream = (index: number): string => index.toString(16).padStart(8, "0").repeat(4);

  test("is refused when it begins too many streams within an hour", async () => {
    const lab = await Lab.open();
    for (let index = 1; index <= limits.new_per_hour; index += 1) await lab.say(stream(index), "vm.booted");
    await expect(lab.say(stream(99), "vm.booted")).rejects.toThrow("streams_too_many");
    await lab.say(stream(limits.new_per_hour), "vm.heartbeat");
    lab.clock.pass(3601);
    await lab.say(stream(99), "vm.booted");
    expect(lab.state()?.current).toBe(stream(99));
  });

  test("has no more machines than are kept, and none of those before is taken for a new one", async () => {
    const lab = await Lab.open();
    for (let index = 1; index <= 2 * limits.kept; index += 1) {
      await lab.say(stream(index), "vm.booted");
      lab.clock.pass(200);
    }
    const state = lab.state();
    expect(Object.keys(state?.machines ?? {})).toHaveLength(limits.kept);
    expect(state?.former).toHaveLength(limits.kept);
    await lab.say(stream(2 * limits.kept), ...RUN);
    await lab.say(stream(1), "run.failed");
    // Nothing is known of what it said before, so that is waited for first.
    lab.clock.pass(31);
    await lab.engine.tick();
    expect([lab.state()?.current, ...lab.shown()]).toEqual([stream(2 * limits.kept), ...CONTESTED]);
  });
});
