import { lifecycle, limits, openapi, reasons, rejections, schemas } from "./index";
import { readExamples, readJson, valuesAt } from "./test-support";

interface Case {
  readonly id: string;
  readonly phase: string;
  readonly outcome: string;
  readonly reason: string;
  readonly reasons?: readonly string[];
  readonly last_event: string;
  readonly exit_code?: number | null;
  readonly fails: readonly string[];
}
const truth = readJson("truth.json") as { conditions: string[]; cases: Case[] };
const codes = new Set(reasons.map(({ code }) => code));
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
const unique = (list: readonly string[]) => new Set(list).size === list.length;

describe("reasons.json", () => {
  test("has at least 40 codes, each once, each complete", () => {
    expect(reasons.length).toBeGreaterThanOrEqual(40);
    expect(unique(reasons.map(({ code }) => code))).toBe(true);
    for (const reason of reasons) {
      expect(reason.code).toMatch(new RegExp(schemas.event.$defs.reason.pattern));
      for (const text of [reason.meaning, reason.evidence, reason.remedy]) expect(text).toMatch(/\S.*\.$/);
    }
  });

  test("every reason in an example, a rejection or another answer is known", () => {
    const used = [
      ...valuesAt(readExamples("events").valid, "reason"),
      ...valuesAt(readJson("rejections.json"), "reason"),
    ].map(String);
    expect(used.filter((code) => !codes.has(code))).toEqual([]);
  });

  test("every failure of bootstrap, source, run and vault that a truth case can bring has a case or is a fallback", () => {
    const covered = new Set(truth.cases.flatMap(({ reason, reasons: more }) => [reason, ...(more ?? [])]));
    const sourceAndRun = reasons.filter(
      ({ area, kind }) => (area === "source" || area === "run") && kind === "failure",
    );
    const missing = sourceAndRun.map(({ code }) => code).filter((code) => !covered.has(code));
    // No case can bring these about at will; the agent's own tests do it with stand-ins.
    expect(missing).toEqual([
      "agent_error",
      "git_failed",
      "source_signature_bad",
      "locale_unusable",
      "ansible_failed",
      "commit_mismatch",
    ]);
  });
});

describe("truth.json", () => {
  test("has at least 30 cases, each once", () => {
    expect(truth.cases.length).toBeGreaterThanOrEqual(30);
    expect(unique(truth.cases.map(({ id }) => id))).toBe(true);
  });

  test("the conditions are those of the guard", () => {
    expect(truth.conditions).toEqual(lifecycle.guards["success"]?.all.map(({ name }) => name));
    expect(schemas.event.$defs.condition4.enum).toEqual(truth.conditions);
  });

  test.each(truth.cases)("$id names what exists", (one) => {
    expect(names(lifecycle.phases)).toContain(one.phase);
    expect(names(lifecycle.outcomes)).toContain(one.outcome);
    expect(Object.keys(lifecycle.events)).toContain(one.last_event);
    for (const code of [one.reason, ...(one.reasons ?? [])]) expect(codes).toContain(code);
    for (const condition of one.fails) expect(truth.conditions).toContain(condition);
  });

  test.each(truth.cases)("$id is no false green", ({ phase, last_event, exit_code, fails, reason }) => {
    const succeeded = last_event === "run.succeeded";
    if (phase === "Configured" && last_event !== "run.skipped")
      expect({ succeeded, fails }).toEqual({ succeeded: true, fails: [] });
    if (succeeded)
      expect({ phase, exit_code, reason }).toEqual({ phase: "Configured", exit_code: 0, reason: "converged" });
    if (typeof exit_code === "number") expect(fails.includes("exit_code")).toBe(exit_code !== 0);
  });

  test.each(truth.cases)("$id: the table leads its last event to its phase", ({ phase, last_event }) => {
    const from = last_event === "run.skipped" || last_event === "drift.detected" ? "Configured" : "Configuring";
    const cell = lifecycle.table[from][last_event];
    const nexts = [cell?.next, cell?.else?.next, cell?.else?.else?.next, cell?.ignore ? from : undefined];
    expect(nexts).toContain(phase);
  });
});

describe("rejections.json", () => {
  test("codes are unique and complete, and only retries have a time", () => {
    expect(unique(rejections.map(({ code }) => code))).toBe(true);
    for (const rejection of rejections) {
      expect(["retry", "set_aside"]).toContain(rejection.action);
      expect({ code: rejection.code, timed: rejection.retry_after_s !== undefined }).toEqual({
        code: rejection.code,
        timed: rejection.action === "retry",
      });
      expect(rejection.remedy).toMatch(/\S.*\.$/);
    }
  });

  test("limits and schemas say the same", () => {
    expect(limits.batch_events).toBe(schemas.event.$defs.agentBatch.maxItems);
    const timeout = openapi.paths["/fleets/{fleet}/vms/{vm}/wait"].get.parameters.find(
      (one) => "name" in one && one.name === "timeout_s",
    );
    expect(timeout).toMatchObject({ schema: { maximum: limits.wait_timeout_s } });
    expect((readJson("vectors/signatures.json") as { tolerance_s: number }).tolerance_s).toBe(limits.tolerance_s);
  });
});

describe("openapi.json", () => {
  test("every $ref resolves", () => {
    const documents: Record<string, unknown> = { "": openapi };
    for (const schema of Object.values(schemas)) documents[schema.$id] = schema;
    const broken = valuesAt(openapi, "$ref")
      .map(String)
      .filter((ref) => resolve(documents, ref) === undefined);
    expect(broken).toEqual([]);
  });

  test("has the paths that the rooms were promised", () => {
    expect(
      Object.entries(openapi.paths)
        .flatMap(([path, item]) =>
          Object.keys(item)
            .filter((key) => key !== "parameters")
            .map((verb) => `${verb} ${path}`),
        )
        .sort(),
    ).toEqual([
      "get /",
      "get /changes",
      "get /events",
      "get /events/stream",
      "get /fleets/{fleet}/vms/{vm}/wait",
      "get /forwarders",
      "get /forwarders/{forwarder}/dead",
      "get /healthz",
      "get /metrics",
      "get /openapi.json",
      "get /readyz",
      "get /reasons.json",
      "get /rejections.json",
      "get /status",
      "get /status/stream",
      "get /status/{vm}",
      "post /fleets/{fleet}/vms/{vm}/acknowledge",
      "post /fleets/{fleet}/vms/{vm}/machines/{stream}/trust",
      "post /fleets/{fleet}/vms/{vm}/release",
      "post /fleets/{fleet}/vms/{vm}/retire",
      "post /forwarders/{forwarder}/resend",
      "post /webhook",
      "put /fleets/{fleet}/roster",
    ]);
  });

  const operations = {
    webhook: openapi.paths["/webhook"].post,
    roster: openapi.paths["/fleets/{fleet}/roster"].put,
    release: openapi.paths["/fleets/{fleet}/vms/{vm}/release"].post,
    retire: openapi.paths["/fleets/{fleet}/vms/{vm}/retire"].post,
    acknowledge: openapi.paths["/fleets/{fleet}/vms/{vm}/acknowledge"].post,
    trust: openapi.paths["/fleets/{fleet}/vms/{vm}/machines/{stream}/trust"].post,
    resend: openapi.paths["/forwarders/{forwarder}/resend"].post,
    wait: openapi.paths["/fleets/{fleet}/vms/{vm}/wait"].get,
    read: openapi.paths["/status"].get,
  } as const;

  test.each(rejections.flatMap((rejection) => rejection.on.map((on) => ({ ...rejection, on }))))(
    "$on documents $status $code",
    ({ on, status, code }) => {
      const responses = operations[on].responses as Record<string, { description: string }>;
      expect(responses[String(status)]?.description.replace(/\.$/, "").split(", ")).toContain(code);
    },
  );

  test("every event type and phase of it comes from the schemas", () => {
    expect(openapi.components.schemas.Condition.properties.type.enum).toEqual(names(lifecycle.conditions));
  });
});

function resolve(documents: Record<string, unknown>, ref: string): unknown {
  const [file = "", pointer = ""] = ref.split("#");
  const keys = pointer
    .split("/")
    .slice(1)
    .map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
  return keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], documents[file]);
}
