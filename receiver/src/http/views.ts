// States and records as openapi.json shows them. Pure.
import type { LogRecord } from "../domain/log";
import { CONDITIONS, currentMachine, type Machine, type Run, type VmState } from "../domain/state";

type Json = Readonly<Record<string, unknown>>;

const iso = (ms: number): string => new Date(ms).toISOString();
export const told = (value: Json): Json =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));

/** How the newest run went, or how it goes. */
function lastRun([run]: readonly Run[]): Json | undefined {
  if (run === undefined) return undefined;
  const { run_id, outcome, changed, duration_s } = run;
  const at = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : iso(ms));
  return told({ run_id, outcome, changed, duration_s, started: at(run.started), ended: at(run.ended) });
}

/** All that a VM's state says, without what follows from the time of asking or from the VM's name. */
function facts(state: VmState): Json {
  const machine = currentMachine(state);
  return {
    fleet: state.fleet,
    vm: state.vm,
    instance_id: machine?.instance_id ?? state.announced?.instance_id,
    phase: state.phase,
    was: state.remembered?.phase,
    reason: state.reason,
    message: state.message,
    since: iso(state.since),
    last_heard: machine === undefined ? undefined : iso(machine.heard),
    announced: state.announced !== undefined && state.retired !== true,
    ref: state.announced?.ref,
    intended_sha: state.intended_sha,
    applied_sha: state.applied_sha,
    acknowledged: state.acknowledged === undefined ? undefined : iso(state.acknowledged),
    outcome: state.runs[0]?.outcome,
    last_run: lastRun(state.runs),
    addresses: machine?.facts["addresses"],
    impostors: state.impostors === 0 ? undefined : state.impostors,
  };
}

const texts = new WeakMap<VmState, string>();

/** The VM of a live view, as text: made once for a state, which never changes. */
export function vmText(state: VmState): string {
  const known = texts.get(state) ?? JSON.stringify(facts(state));
  texts.set(state, known);
  return known;
}

export function vmView(state: VmState, now: number): Json {
  const machine = currentMachine(state);
  const path = `${encodeURIComponent(state.vm)}?fleet=${encodeURIComponent(state.fleet)}`;
  return told({
    ...facts(state),
    age_s: machine === undefined ? undefined : Math.max(0, Math.round((now - machine.heard) / 1000)),
    links: {
      self: `/status/${path}`,
      page: `/#/vms/${encodeURIComponent(state.fleet)}/${encodeURIComponent(state.vm)}`,
      events: `/events?fleet=${encodeURIComponent(state.fleet)}&vm=${encodeURIComponent(state.vm)}`,
    },
  });
}

function runView({ started, ended, ...run }: Run): Json {
  return told({
    ...run,
    started: started === undefined ? undefined : iso(started),
    ended: ended === undefined ? undefined : iso(ended),
  });
}

function machineView(state: VmState, { heard, gone, next, first, facts, disowned, ...machine }: Machine): Json {
  const phase = gone === undefined && machine.stream === state.current ? state.phase : "Superseded";
  return told({
    ...machine,
    phase,
    reason: gone,
    disowned,
    first_position: first,
    events: next - 1,
    last_heard: iso(heard),
    facts,
  });
}

export function eventView(record: LogRecord): Json {
  const { position, received, text } = record;
  return { position, received: iso(received), event: JSON.parse(text) as unknown };
}

/** What eventView gives, as text, without parsing what is text already. */
export function eventText({ position, received, text }: LogRecord): string {
  return `{"position":${position},"received":"${iso(received)}","event":${text}}`;
}

export function vmDetail(state: VmState, newest: readonly LogRecord[], now: number): Json {
  const conditions = CONDITIONS.map((type) => {
    const { at, ...condition } = state.conditions[type];
    return { type, ...condition, lastTransitionTime: iso(at) };
  });
  return {
    ...vmView(state, now),
    conditions,
    runs: state.runs.map(runView),
    machines: Object.values(state.machines).map((machine) => machineView(state, machine)),
    timeline: [...newest].reverse().map(eventView),
  };
}
