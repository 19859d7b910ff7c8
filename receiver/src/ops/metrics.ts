import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { lifecycle, type Phase, reasons } from "@nexus-pull/contract";
import { isFromAgent, numberOf, type LogRecord } from "../domain/log";
import { attention, currentMachine, type VmState } from "../domain/state";
import { endsRun, isProved } from "../domain/runs";
import type { Engine } from "../engine/engine";
import { keyOf } from "../engine/fleets";
import type { ForwarderStatus } from "../forward/forwarder";

const STORE_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5];
const RUN_SECONDS = [5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

const REASONS = new Set(reasons.map(({ code }) => code));

/** A newer agent may send a reason that is not in the contract here: all of those are one. */
const knownReason = (reason: string): string => (REASONS.has(reason) ? reason : "other");

/** Labels are of closed sets: phases, types, outcomes, codes of the contract. No VM's name is one. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly registers = [this.registry];
  public readonly contentType = this.registry.contentType;
  public readonly notes = this.counter("nexus_pull_notes_total", "Bodies without a signature.");
  public readonly duplicates = this.counter("nexus_pull_duplicate_events_total", "Events that were stored before.");
  public readonly refusals = this.counter("nexus_pull_refusals_total", "Refused requests by code.", ["code"]);
  public readonly failures = this.counter("nexus_pull_store_failures_total", "Groups that could not be committed.");
  private readonly events = this.counter("nexus_pull_events_total", "Events in the log by type.", ["type"]);
  private readonly runs = this.counter("nexus_pull_runs_total", "Runs that ended, by outcome.", ["outcome"]);
  private readonly entered = this.counter("nexus_pull_phase_entered_total", "VMs that came into a phase.", ["phase"]);
  /** The phase that each VM was in when it was last counted. */
  private readonly phases = new Map<string, Phase>();
  private readonly commits = this.histogram("nexus_pull_store_commit_seconds", "Time of a commit.", STORE_SECONDS);
  private readonly reads = this.histogram("nexus_pull_store_read_seconds", "Time of a read.", STORE_SECONDS);
  private readonly groups = this.histogram(
    "nexus_pull_store_group_events",
    "Events of a commit.",
    [1, 2, 5, 10, 50, 200, 500],
  );
  private readonly durations = this.histogram("nexus_pull_run_duration_seconds", "Duration of runs.", RUN_SECONDS);

  private counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: this.registers });
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: this.registers });
  }

  public gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: this.registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** Gauges of what the engine knows, read when they are asked for. */
  public watch(engine: Engine, now: () => number): void {
    new Gauge({
      name: "nexus_pull_vms",
      help: "VMs by phase.",
      labelNames: ["phase"],
      registers: this.registers,
      collect() {
        for (const { name } of lifecycle.phases) this.set({ phase: name }, 0);
        for (const { phase } of engine.fleets.all()) this.inc({ phase });
      },
    });
    this.watchTrouble(engine, now);
    this.watchIdentity(engine);
    for (const state of engine.fleets.all()) this.phases.set(keyOf(state.fleet, state.vm), state.phase);
    for (const { name } of lifecycle.phases) this.entered.inc({ phase: name }, 0);
    collectDefaultMetrics({ register: this.registry });
    // Gauges that are named like counters; those without the suffix say it by type.
    for (const what of ["handles", "requests", "resources"])
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    this.gauge("nexus_pull_queued_requests", "Requests that wait for a commit.", () => engine.queued);
    this.gauge("nexus_pull_log_position", "Position of the newest event.", () => engine.position);
    this.gauge("nexus_pull_silence_seconds_max", "Longest silence of a VM that is not retired.", () =>
      silence(engine, now()),
    );
  }

  private watchIdentity(engine: Engine): void {
    const contested = (): number => engine.fleets.all().filter(({ contest }) => contest !== undefined).length;
    this.gauge("nexus_pull_vms_contested", "VMs whose identity two living machines claim.", contested);
  }

  private watchTrouble(engine: Engine, now: () => number): void {
    new Gauge({
      name: "nexus_pull_vms_in_trouble",
      help: `VMs in the phases ${attention.join(", ")}, by reason.`,
      labelNames: ["phase", "reason"],
      registers: this.registers,
      collect() {
        this.reset();
        for (const { phase, reason } of engine.fleets.all())
          if (attention.includes(phase)) this.inc({ phase, reason: knownReason(reason) });
      },
    });
    new Gauge({
      name: "nexus_pull_phase_age_seconds_max",
      help: "Longest time that a VM has been in the phase that it is in.",
      labelNames: ["phase"],
      registers: this.registers,
      collect() {
        for (const { name } of lifecycle.phases) this.set({ phase: name }, 0);
        for (const [phase, since] of oldest(engine.fleets.all()))
          this.set({ phase }, Math.max(0, now() - since) / 1000);
      },
    });
  }

  /** One of a few names that the configuration gives, never a VM's. */
  public watchForwarders(read: () => readonly ForwarderStatus[], engine: Engine): void {
    const gauge = (name: string, help: string, value: (one: ForwarderStatus) => number): void => {
      new Gauge({
        name,
        help,
        labelNames: ["forwarder"],
        registers: this.registers,
        collect() {
          this.reset();
          for (const one of read()) this.set({ forwarder: one.name }, value(one));
        },
      });
    };
    const behind = ({ position }: ForwarderStatus): number =>
      position === undefined ? 0 : Math.max(0, engine.position - position);
    gauge("nexus_pull_forwarder_behind_events", "Events that a forwarder has not looked at.", behind);
    gauge("nexus_pull_forwarder_failing", "1: the forwarder's target does not take an event.", ({ failing }) =>
      failing === undefined ? 0 : 1,
    );
    gauge("nexus_pull_forwarder_set_aside_events", "Events set aside since the start.", (one) => one.set_aside);
    gauge(
      "nexus_pull_forwarder_missed_events",
      "Events that went by retention, unsent, since the start.",
      (one) => one.missed,
    );
  }

  public committed(records: readonly LogRecord[], states: ReadonlyMap<string, VmState>, seconds: number): void {
    for (const [key, { phase }] of states) {
      if (this.phases.get(key) === phase) continue;
      this.entered.inc({ phase });
      this.phases.set(key, phase);
    }
    this.commits.observe(seconds);
    this.groups.observe(records.length);
    const types = new Map<string, number>();
    for (const { type } of records) types.set(type, (types.get(type) ?? 0) + 1);
    for (const [type, count] of types) this.events.inc({ type }, count);
    for (const record of records) this.count(record);
  }

  public readonly read = (seconds: number): void => this.reads.observe(seconds);

  private count(record: LogRecord): void {
    if (!isFromAgent(record) || !endsRun(record.type)) return;
    // A success that is not proved is none, here as in the phases.
    const unproved = record.type === "run.succeeded" && !isProved(record);
    const said = record.data["outcome"] ?? (record.type === "run.skipped" ? "skipped" : "drifted");
    const outcome = unproved ? "failed" : said;
    this.runs.inc({ outcome: String(outcome) });
    const duration = numberOf(record.data["duration_s"]);
    if (duration !== undefined) this.durations.observe(duration);
  }

  public text(): Promise<string> {
    return this.registry.metrics();
  }
}

function silence(engine: Engine, now: number): number {
  const heard = engine.fleets
    .all()
    .filter(({ retired }) => retired !== true)
    .flatMap((state) => currentMachine(state)?.heard ?? []);
  return heard.reduce((most, at) => Math.max(most, (now - at) / 1000), 0);
}

/** When the VM that is in a phase for longest came into it. */
function oldest(states: readonly VmState[]): ReadonlyMap<Phase, number> {
  const since = new Map<Phase, number>();
  for (const state of states) since.set(state.phase, Math.min(since.get(state.phase) ?? Infinity, state.since));
  return since;
}
