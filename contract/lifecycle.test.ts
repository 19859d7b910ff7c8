import { lifecycle, reasons, type Cell, type Phase } from "./index";
import { valuesAt } from "./test-support";

const phases = lifecycle.phases.map(({ name }) => name);
const types = Object.keys(lifecycle.events);
const codes = new Set(reasons.map(({ code }) => code));

interface Branch {
  readonly phase: Phase;
  readonly type: string;
  readonly cell: Cell;
  /** Guards that lead here, negated ones with a !. */
  readonly guards: readonly string[];
}

function branchesOf(phase: Phase, type: string, cell: Cell, guards: readonly string[] = []): Branch[] {
  const here = { phase, type, cell, guards: cell.if ? [...guards, cell.if] : guards };
  return cell.else ? [here, ...branchesOf(phase, type, cell.else, [...guards, `!${cell.if}`])] : [here];
}

const branches = phases.flatMap((phase) =>
  Object.entries(lifecycle.table[phase]).flatMap(([type, cell]) => branchesOf(phase, type, cell)),
);

describe("lifecycle.json", () => {
  test("fails when a phase lacks a cell, or has one for an unknown type", () => {
    expect(Object.keys(lifecycle.table)).toEqual(phases);
    for (const phase of phases) {
      expect({ phase, types: Object.keys(lifecycle.table[phase]) }).toEqual({ phase, types });
    }
  });

  test("fails when a cell neither acts nor says why it ignores", () => {
    const unclear = branches.filter(({ cell }) => (cell.ignore ? !cell.why || cell.next || cell.set : !cell.next));
    expect(unclear).toEqual([]);
  });

  test("fails when a guarded cell has no else", () => {
    expect(branches.filter(({ cell }) => (cell.if === undefined) !== (cell.else === undefined))).toEqual([]);
  });

  test("names only known phases, guards and effects", () => {
    for (const { cell } of branches) {
      if (cell.next) expect([...phases, "same", "resume"]).toContain(cell.next);
      if (cell.if) expect(Object.keys(lifecycle.guards)).toContain(cell.if);
      for (const effect of cell.set ?? []) expect(Object.keys(lifecycle.effects)).toContain(effect);
    }
  });

  test("every effect and guard is used", () => {
    const used = new Set([
      ...branches.flatMap(({ cell }) => cell.set ?? []),
      "clock_synced",
      "clock_not_synced",
      "heard",
    ]);
    expect(Object.keys(lifecycle.effects).filter((name) => !used.has(name))).toEqual([]);
    const guarded = new Set(branches.map(({ cell }) => cell.if));
    expect(Object.keys(lifecycle.guards).filter((name) => !guarded.has(name))).toEqual([]);
  });

  test("effects name only known conditions, statuses and reasons", () => {
    const names = lifecycle.conditions.map(({ name }) => name);
    for (const { condition, status, reason } of Object.values(lifecycle.effects).flat()) {
      expect(names).toContain(condition);
      expect(["True", "False", "Unknown"]).toContain(status);
      if (!reason.startsWith("$")) expect(codes).toContain(reason);
    }
  });

  test("every reason outside the table is known", () => {
    const rest = { ...lifecycle, table: {}, effects: {} };
    const named = [...valuesAt(rest, "reason"), ...valuesAt(rest, "absent_reason")].filter((r) => r !== undefined);
    expect(named.filter((reason) => !codes.has(String(reason)))).toEqual([]);
  });

  test("every phase is reachable from the first", () => {
    const edges = branches.flatMap(({ phase, cell }) =>
      cell.next && cell.next !== "same" && cell.next !== "resume" ? [[phase, cell.next] as const] : [],
    );
    // Superseded is a machine's phase: streams.new puts it there, whatever its VM's phase was.
    const bySupersession = phases.map((phase) => [phase, valuesAt(lifecycle, "old_machine")[0] as Phase] as const);
    const reached = new Set<Phase>([lifecycle.initial_phase]);
    for (let size = 0; size !== reached.size;) {
      size = reached.size;
      for (const [from, to] of [...edges, ...bySupersession]) if (reached.has(from)) reached.add(to);
    }
    expect([...reached].sort()).toEqual([...phases].sort());
  });

  test("Configured is entered only by a proved run.succeeded, or resumed from Stale", () => {
    const entries = branches.filter(({ cell }) => cell.next === "Configured");
    expect(entries.length).toBeGreaterThan(0);
    for (const { type, guards } of entries) {
      expect({ type, guards }).toEqual({ type: "run.succeeded", guards: ["success"] });
    }
    const resumed = branches.filter(({ cell }) => cell.next === "resume").map(({ phase }) => phase);
    expect(new Set(resumed)).toEqual(new Set(["Stale"]));
    // Only a phase that may be silent is remembered, so what is resumed was proved before.
    for (const { phase, cell } of branches) {
      if (cell.next === "Stale") expect(lifecycle.silence.phases).toContain(phase);
    }
  });

  test("the guard of success is the four conditions", () => {
    const guard = lifecycle.guards["success"];
    expect(
      guard?.all.map(({ name, path, equals, equals_path, at_least }) => ({
        name,
        path,
        equals,
        equals_path,
        at_least,
      })),
    ).toEqual([
      { name: "exit_code", path: "data.exit_code", equals: 0 },
      { name: "hosts_matched", path: "data.evidence.hosts_matched", at_least: 1 },
      { name: "tasks_run", path: "data.evidence.tasks_run", at_least: 1 },
      { name: "commit", path: "data.applied_sha", equals_path: "data.intended_sha" },
    ]);
  });

  test("neither a release, a retirement nor another instance leaves a green phase", () => {
    for (const type of ["vm.released", "vm.retired"]) {
      for (const phase of phases.filter((name) => name !== "Superseded" && name !== "Retired")) {
        expect(["Expected", "Retired"]).toContain(lifecycle.table[phase][type]?.next);
      }
    }
    for (const { phase, type, cell, guards } of branches) {
      if (type === "vm.expected" && guards.includes("!same_instance"))
        expect({ phase, next: cell.next }).toEqual({ phase, next: "Expected" });
    }
  });

  test("Superseded has no way out", () => {
    expect(branches.filter(({ phase, cell }) => phase === "Superseded" && !cell.ignore)).toEqual([]);
  });

  test("deadlines name known event types, phases and reasons, and can act where they apply", () => {
    for (const { starts, phases: applies, reason } of Object.values(lifecycle.deadlines)) {
      for (const type of starts) expect(types).toContain(type);
      expect(codes).toContain(reason);
      for (const phase of applies) expect(lifecycle.table[phase]["vm.overdue"]?.next).toBe("Overdue");
    }
  });
});
