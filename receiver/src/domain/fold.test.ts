import fc from "fast-check";
import { type Cell, lifecycle, type Phase } from "@nexus-pull/contract";
import { readExamples } from "@nexus-pull/contract/test-support";
import { A, B, COMMIT, event, folded, logOf, OTHER_COMMIT, type Spoken, T0 } from "../test-support";
import { isFromAgent, type LogRecord, recordOf } from "./log";
import { advance, gapIsOver, project } from "./project";
import { compact, CONDITIONS, type VmState } from "./state";
import { waitAnswer } from "./wait";

type Step = readonly [type: string, spoken?: Spoken];

/** A history that leads to each phase. */
const LEADS_TO: Readonly<Record<Phase, readonly Step[]>> = (() => {
  const booted: Step[] = [["vm.expected"], ["vm.booted"]];
  const configuring: Step[] = [...booted, ["run.started"]];
  const configured: Step[] = [...configuring, ["run.succeeded"]];
  return {
    Expected: [["vm.expected"]],
    Booted: booted,
    Bootstrapping: [...booted, ["bootstrap.started"]],
    Configuring: configuring,
    Configured: configured,
    Failed: [...configuring, ["run.failed"]],
    Overdue: [...booted, ["vm.overdue"]],
    Drifted: [...configured, ["drift.detected"]],
    Stale: [...configured, ["vm.stale"]],
    Retired: [...booted, ["vm.retired"]],
    Superseded: [...booted, ["vm.booted", { stream: B }]],
  };
})();

interface Variant {
  readonly name: string;
  readonly type: string;
  readonly data?: Spoken["data"];
  /** Guards that hold for it. */
  readonly holds: readonly string[];
  readonly guardReason?: string;
}

const VARIANTS: readonly Variant[] = Object.keys(lifecycle.events).flatMap((type): Variant[] => {
  const plain = { name: type, type, holds: ["mode_apply", "success", "same_instance"] };
  const audit = { name: `${type}, audit`, type, data: { mode: "audit" }, holds: ["mode_audit", "success"] };
  const unproved = { exit_code: 0, evidence: { hosts_matched: 0, tasks_run: 0, changed: 0, failed: 0 } };
  if (type === "run.started" || type === "run.interrupted") return [plain, audit];
  if (type === "run.succeeded") {
    const guardReason = "no_hosts_matched";
    return [
      plain,
      { name: `${type}, unproved`, type, data: unproved, holds: ["mode_apply"], guardReason },
      { name: `${type}, unproved audit`, type, data: { ...unproved, mode: "audit" }, holds: ["mode_audit"] },
    ];
  }
  if (type === "run.source.verified")
    return [plain, { name: `${type}, ssh`, type, data: { policy: "ssh" }, holds: ["signature_checked"] }];
  if (type === "vm.expected")
    return [plain, { name: `${type}, another instance`, type, data: { instance_id: "iid-2" }, holds: [] }];
  return [plain];
});

/** The branch of a cell by a reading of the table of its own. */
function branch(cell: Cell | undefined, variant: Variant): Cell {
  if (cell === undefined) throw new Error("no cell");
  return cell.if === undefined || variant.holds.includes(cell.if) ? cell : branch(cell.else, variant);
}

const entered = (cell: Cell | undefined): Phase | undefined =>
  cell?.next === "same" || cell?.next === "resume" ? undefined : cell?.next;

const CASES = lifecycle.phases.flatMap(({ name: phase }) => VARIANTS.map((variant) => ({ phase, variant })));

describe("every cell of the table", () => {
  const reached = new Set<Cell>();

  test.each(CASES)("$phase x $variant.name", ({ phase, variant }) => {
    const history = LEADS_TO[phase];
    const before = folded(logOf(...history));
    // Superseded is a machine's: its VM is in the phase of the machine that took its place.
    expect(before.phase).toBe(phase === "Superseded" ? "Booted" : phase);
    const after = folded(logOf(...history, [variant.type, { stream: A, data: variant.data }]));
    if (phase === "Superseded" && !isFromAgent(variant)) return;
    const cell = branch(lifecycle.table[phase][variant.type], variant);
    reached.add(cell);
    const then = cell.then === "cell" ? branch(lifecycle.table["Configured"][variant.type], variant) : undefined;
    const from = cell.next === "resume" ? "Configured" : before.phase;
    expect(after.phase).toBe(entered(then) ?? entered(cell) ?? from);
    const set = [cell, ...(then === undefined ? [] : [then])].flatMap((one) => one.set ?? []);
    for (const effect of set.flatMap((name) => lifecycle.effects[name] ?? [])) {
      const { status, reason } = after.conditions[effect.condition];
      expect(status).toBe(effect.status);
      if (effect.reason === "$guard") expect(reason).toBe(variant.guardReason);
    }
    if (cell.ignore && !isFromAgent(variant)) expect(after.conditions).toEqual(before.conditions);
    if (phase === "Superseded") expect(Object.keys(after.suspects)).toHaveLength(1);
  });

  test("fails when a cell was not reached", () => {
    const all = (cell: Cell): Cell[] => [...(cell.if === undefined || !cell.else ? [cell] : [cell, ...all(cell.else)])];
    const missed = lifecycle.phases.flatMap(({ name }) =>
      Object.entries(lifecycle.table[name]).flatMap(([type, cell]) =>
        all(cell)
          .filter((one) => !reached.has(one) && !(name === "Superseded" && !isFromAgent({ type })))
          .map(() => `${name} x ${type}`),
      ),
    );
    // No VM has phase Superseded, so what the receiver says of a VM never meets it; nor has Retired a guard.
    expect(missed).toEqual([]);
  });
});

describe("the examples of the contract", () => {
  const life = readExamples("events").valid as readonly { name: string; value: LogRecord["data"] }[];
  const records = life
    .filter(({ value }) => !Array.isArray(value))
    .map(({ name, value }, index) => ({
      name,
      record: recordOf(value as never, JSON.stringify(value), index + 1, T0 + index * 1000),
    }));
  const expected: readonly (readonly [string, Phase, string])[] = [
    ["vm.expected", "Expected", "awaited"],
    ["vm.booted", "Booted", "booted"],
    ["bootstrap.started", "Bootstrapping", "booted"],
    ["bootstrap.step", "Bootstrapping", "booted"],
    ["bootstrap.succeeded", "Bootstrapping", "booted"],
    ["run.queued", "Bootstrapping", "booted"],
    ["run.source.verified", "Bootstrapping", "booted"],
    ["run.started", "Configuring", "run_in_progress"],
    ["run.progress", "Configuring", "run_in_progress"],
    ["run.succeeded", "Configured", "converged"],
    ["vm.heartbeat", "Configured", "converged"],
    ["run.skipped", "Configured", "converged"],
    ["run.succeeded, corrective", "Configured", "converged"],
    ["run.source.rejected", "Failed", "signer_unknown"],
    ["run.failed", "Failed", "signer_unknown"],
    ["run.failed, no host matched", "Failed", "no_hosts_matched"],
    ["run.failed, task", "Failed", "task_failed"],
    ["run.interrupted", "Failed", "terminated"],
    ["bootstrap.failed", "Failed", "dns_failure"],
    ["drift.detected", "Failed", "dns_failure"],
    ["vm.overdue", "Failed", "dns_failure"],
    ["vm.stale", "Stale", "silent"],
    ["vm.recovered", "Failed", "dns_failure"],
    ["vm.released", "Expected", "released"],
    ["vm.impostor", "Expected", "released"],
    ["vm.acknowledged", "Expected", "released"],
    ["vm.retired", "Retired", "retired"],
  ];

  test("fold to these phases, one after the other", () => {
    let state: VmState | undefined;
    const phases = records.map(({ name, record }) => {
      state = advance(state, record);
      return [name, state?.phase, state?.reason];
    });
    expect(phases).toEqual(expected);
    expect(state).toEqual(folded(records.map(({ record }) => record)));
  });

  test("the runs have the outcomes that are proved", () => {
    const upTo = records.findIndex(({ name }) => name === "run.succeeded, corrective") + 1;
    const state = folded(records.slice(0, upTo).map(({ record }) => record));
    expect(state.runs.map(({ outcome }) => outcome)).toEqual(["changed-corrective", "skipped", "changed-intentional"]);
  });
});

describe("a run's outcome", () => {
  const changed = { hosts_matched: 1, tasks_run: 5, changed: 1, failed: 0 };
  const second = (data: Spoken["data"]): string | undefined =>
    folded(logOf(["run.succeeded"], ["run.succeeded", { data: { run_id: "run-2", ...data } }])).runs[0]?.outcome;
  test.each<[string, Spoken["data"]]>([
    ["unchanged", { evidence: { ...changed, changed: 0 } }],
    ["changed-corrective", { evidence: changed, outcome: "changed-intentional" }],
    ["changed-intentional", { evidence: changed, config_digest: "e".repeat(64) }],
    ["changed-intentional", { evidence: changed, intended_sha: OTHER_COMMIT, applied_sha: OTHER_COMMIT }],
    ["failed", { exit_code: 2 }],
    ["failed", { evidence: { ...changed, hosts_matched: 0 } }],
    ["failed", { evidence: { ...changed, tasks_run: 0 } }],
    ["failed", { applied_sha: OTHER_COMMIT }],
  ])("%s for %j", (outcome, data) => {
    expect(second(data)).toBe(outcome);
  });
});

describe("machines", () => {
  const configured: Step[] = [["vm.expected"], ["vm.booted"], ["run.started"], ["run.succeeded"]];

  test("no stale green survives a new stream", () => {
    const state = folded(logOf(...configured, ["vm.heartbeat", { stream: B }]));
    expect([state.phase, state.current, state.applied_sha, state.proved]).toEqual(["Booted", B, undefined, undefined]);
    expect(state.machines[A]?.gone).toBe("stream_superseded");
  });

  test.each<[string, Step, string]>([
    ["a release", ["vm.released"], "stream_released"],
    ["another instance", ["vm.expected", { data: { instance_id: "iid-2" } }], "stream_released"],
    ["a new stream", ["vm.booted", { stream: B }], "stream_superseded"],
  ])("after %s the old machine cannot make it green", (_name, step, reason) => {
    const state = folded(logOf(...configured, step, ["run.succeeded"], ["vm.heartbeat"]));
    expect(state.phase).not.toBe("Configured");
    expect(Object.values(state.suspects).map((one) => one.reason)).toEqual([reason]);
    expect(waitAnswer(state, undefined).status).toBe(504);
  });

  test("a VM that comes back into the roster is green only after a new run", () => {
    const back: Step[] = [...configured, ["vm.retired"], ["vm.booted"], ["vm.expected"], ["run.skipped"]];
    expect(folded(logOf(...back)).phase).toBe("Booted");
    expect(folded(logOf(...back, ["run.succeeded"])).phase).toBe("Configured");
  });

  test("a machine first seen while the VM was retired is not an impostor when it comes back", () => {
    const back: Step[] = [...configured, ["vm.retired"], ["vm.booted", { stream: B }], ["vm.expected"]];
    const state = folded(logOf(...back, ["vm.heartbeat", { stream: B }]));
    expect([state.phase, state.current, state.suspects]).toEqual(["Booted", B, {}]);
  });
});

describe("wait", () => {
  const run = (type: string, sha: string): Step => [type, { data: { intended_sha: sha, applied_sha: sha } }];
  test.each<[number, readonly Step[], string | undefined]>([
    [200, [["vm.expected"], ["run.succeeded"]], undefined],
    [200, [["vm.expected"], ["run.succeeded"]], COMMIT],
    [504, [["vm.expected"], ["run.succeeded"]], OTHER_COMMIT],
    [504, [["vm.expected", { data: { ref: OTHER_COMMIT } }], ["run.succeeded"]], undefined],
    [409, [run("run.failed", COMMIT)], undefined],
    [409, [run("run.failed", COMMIT)], COMMIT],
    [504, [run("run.failed", COMMIT)], OTHER_COMMIT],
    [409, [["bootstrap.failed"]], OTHER_COMMIT],
    [409, [["drift.detected"]], COMMIT],
    [504, [["vm.expected"]], undefined],
    [504, [["run.succeeded"], ["vm.expected"], ["vm.retired"]], undefined],
  ])("%i", (status, steps, commit) => {
    expect(waitAnswer(folded(logOf(...steps)), commit).status).toBe(status);
  });
});

const agentTypes = Object.keys(lifecycle.events).filter((type) => isFromAgent({ type }));
const receiverTypes = Object.keys(lifecycle.events).filter((type) => !isFromAgent({ type }));

interface Segment {
  readonly stream: string;
  readonly types: readonly string[];
  readonly then: string | undefined;
  readonly order: readonly number[];
}

/** Segments of one stream's events, with what the receiver says between them. */
const history: fc.Arbitrary<Segment[]> = fc.array(
  fc.record({
    stream: fc.constantFrom(A, B, "c".repeat(32)),
    types: fc.array(fc.constantFrom(...agentTypes), { minLength: 1, maxLength: 6 }),
    then: fc.option(fc.constantFrom(...receiverTypes), { nil: undefined }),
    order: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 6 },
);

/** The same log twice: as it was said, and shuffled within each segment, where the clock stands still. */
function twoArrivals(segments: readonly Segment[]): {
  readonly inOrder: LogRecord[];
  readonly shuffled: LogRecord[];
} {
  const inOrder: LogRecord[] = [];
  const shuffled: LogRecord[] = [];
  const next = new Map<string, number>();
  segments.forEach(({ stream, types, then, order }, segment) => {
    const received = T0 + segment * 60_000;
    const said = types.map((type) => {
      const seq = next.get(stream) ?? 1;
      next.set(stream, seq + 1);
      return event(type, { stream, seq });
    });
    const put = (log: LogRecord[], events: readonly (typeof said)[number][]): void => {
      for (const one of events) log.push(recordOf(one, JSON.stringify(one), log.length + 1, received));
    };
    const permuted = said.map((one, i) => ({ one, key: order[i] ?? 0 })).sort((a, b) => a.key - b.key);
    const own = then === undefined ? [] : [event(then, { seq: segment + 1 })];
    put(inOrder, [...said, ...own]);
    put(shuffled, [...permuted.map(({ one }) => one), ...own]);
  });
  return { inOrder, shuffled };
}

/** Positions and times of first appearance move with the shuffle; what the VM is does not. */
function essence(state: VmState): unknown {
  const machines = Object.values(state.machines).map(({ stream, gone, next, facts }) => ({
    stream,
    gone,
    next,
    facts,
  }));
  const { last, suspects, ...rest } = state;
  return compact({ ...rest, machines, suspects: Object.keys(suspects), last: last > 0 });
}

/** The same, of which nothing can be changed any more. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  Object.values(value).forEach(frozen);
  return value;
}

describe("any arrival", () => {
  test("fails when the order of arrival within a stream shows", () => {
    fc.assert(
      fc.property(history, (segments) => {
        const { inOrder, shuffled } = twoArrivals(segments);
        expect(essence(folded(shuffled))).toEqual(essence(folded(inOrder)));
      }),
      { numRuns: 10_000, seed: 6 },
    );
  }, 120_000);

  test("fails when one event at a time comes to something else than all of them", () => {
    fc.assert(
      fc.property(history, (segments) => {
        const { shuffled } = twoArrivals(segments);
        let state: VmState | undefined;
        shuffled.forEach((record, index) => {
          const late = state?.held.some((held) => gapIsOver(held, record.received)) ?? false;
          const before = late ? project(shuffled.slice(0, index), record.received) : state;
          state = advance(before, record) ?? project(shuffled.slice(0, index + 1), record.received);
        });
        expect(state).toEqual(project(shuffled, shuffled.at(-1)?.received ?? 0));
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }),
      { numRuns: 1_000, seed: 7 },
    );
  }, 120_000);

  test("fails when a step changes the state that it was given, or what that holds", () => {
    fc.assert(
      fc.property(history, (segments) => {
        const { shuffled } = twoArrivals(segments);
        let state: VmState | undefined;
        shuffled.forEach((record, index) => {
          state = frozen(advance(state, record) ?? project(shuffled.slice(0, index + 1), record.received));
        });
        // All of them once more: those of agents are too late now.
        expect(project(shuffled, 0, state).last).toBe(state?.last);
      }),
      { numRuns: 1_000, seed: 9 },
    );
  }, 120_000);

  test("an event waits for the one before it, for 30 s", () => {
    const log = logOf(["vm.booted"], ["run.succeeded", { seq: 3 }]);
    const stored = (log[1] as LogRecord).received;
    expect(project(log, stored + 29_999).phase).toBe("Booted");
    expect(project(log, stored + 30_000).phase).toBe("Configured");
  });

  test("one that comes after its place was passed over is put there", () => {
    const log = logOf(["vm.booted"], ["run.succeeded", { seq: 3 }], ["run.started", { seq: 2 }]);
    expect(folded(log).phase).toBe("Configured");
  });

  test("what was received before a VM came back into the roster never counts after it", () => {
    const steps: Step[] = [["vm.expected"], ["vm.booted"], ["vm.retired"], ["run.succeeded", { seq: 3 }]];
    const log = logOf(...steps, ["vm.expected"], ["run.started", { seq: 2 }]);
    expect(folded(log).phase).toBe("Expected");
  });
});

test("conditions are those of the contract", () => {
  expect(CONDITIONS).toEqual(lifecycle.conditions.map(({ name }) => name));
});
