// States and records as openapi.json shows them. Pure.
import type { LogRecord } from "../domain/log";
import { CONDITIONS, currentMachine, type Machine, type Run, type VmState } from "../domain/state";

type Json = Readonly<Record<string, unknown>>;

const iso = (ms: number): string => new Date(ms).toISOString();
const told = (value: Json): Json => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));

export function vmView(state: VmState, now: number): Json {
  const machine = currentMachine(state);
  const [run] = state.runs;
  const path = `${encodeURIComponent(state.vm)}?fleet=${encodeURIComponent(state.fleet)}`;
  return told({
    fleet: state.fleet,
    vm: state.vm,
    instance_id: machine?.instance_id ?? state.announced?.instance_id,
    phase: state.phase,
    reason: state.reason,
    message: state.message,
    since: iso(state.since),
    last_heard: machine === undefined ? undefined : iso(machine.heard),
    age_s: machine === undefined ? undefined : Math.max(0, Math.round((now - machine.heard) / 1000)),
    announced: state.announced !== undefined && state.retired !== true,
    ref: state.announced?.ref,
    intended_sha: state.intended_sha,
    applied_sha: state.applied_sha,
    outcome: run?.outcome,
    acknowledged: state.acknowledged === undefined ? undefined : iso(state.acknowledged),
    addresses: machine?.facts["addresses"],
    impostors: state.impostors === 0 ? undefined : state.impostors,
    links: {
      self: `/status/${path}`,
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

function machineView(state: VmState, { heard, gone, next, first, facts, ...machine }: Machine): Json {
  const phase = gone === undefined && machine.stream === state.current ? state.phase : "Superseded";
  return told({
    ...machine,
    phase,
    reason: gone,
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
