// What the receiver's own clock has to say: deadlines, silence, recovery. Pure: the time is passed in.
import { lifecycle, type Phase } from "@nexus-pull/contract";
import type { Data } from "./log";
import { silenceOf } from "./machines";
import { compact, currentMachine, type VmState } from "./state";

/** An event that the receiver is to append. */
export interface Draft {
  readonly type: string;
  readonly data: Data;
}

export interface Clock {
  readonly now: number;
  /** When the receiver began to listen: its own outage turns nobody Stale or Overdue. */
  readonly startedAt: number;
}

/** Of a VM that no roster names, in seconds. */
export const DEFAULT_DEADLINE_S = lifecycle.deadlines.roster.default_s ?? 3600;

interface Running {
  readonly name: "roster" | "bootstrap" | "run";
  readonly start: number;
  readonly seconds: number;
}

function running({ deadlines, announced }: VmState): Running[] {
  const { roster, bootstrap, run } = deadlines;
  return [
    ...(roster === undefined
      ? []
      : [{ name: "roster" as const, start: roster, seconds: announced?.deadline_s ?? DEFAULT_DEADLINE_S }]),
    ...(bootstrap === undefined ? [] : [{ name: "bootstrap" as const, ...bootstrap }]),
    ...(run === undefined ? [] : [{ name: "run" as const, start: run.start, seconds: run.seconds }]),
  ];
}

const isIn = (phases: readonly Phase[], phase: Phase): boolean => phases.includes(phase);

function overdue(state: VmState, clock: Clock): Draft | undefined {
  if (clock.now < clock.startedAt + lifecycle.receiver_clock.start_grace_s * 1000) return undefined;
  for (const { name, start, seconds } of running(state)) {
    const rule = lifecycle.deadlines[name];
    const late = clock.now - (start + (seconds + rule.grace_s) * 1000);
    if (late < 0 || !isIn(rule.phases, state.phase)) continue;
    const late_s = Math.min(Math.floor(late / 1000), 8_640_000);
    const { phase, current: stream } = state;
    return {
      type: rule.append,
      data: compact({ deadline: name, deadline_s: seconds, late_s, phase, reason: rule.reason, stream }),
    };
  }
  return undefined;
}

function silentSince(state: VmState, clock: Clock): number | undefined {
  const machine = currentMachine(state);
  return machine === undefined ? undefined : Math.max(machine.heard, clock.startedAt);
}

function stale(state: VmState, clock: Clock): Draft | undefined {
  const since = silentSince(state, clock);
  if (since === undefined || !isIn(lifecycle.silence.phases, state.phase) || isSilent(state)) return undefined;
  const silence = clock.now - since;
  if (silence <= silenceOf(currentMachine(state))) return undefined;
  const { phase, current: stream } = state;
  const silent_s = Math.floor(silence / 1000);
  return { type: "vm.stale", data: compact({ silent_s, phase, reason: "silent", stream }) };
}

export function isSilent(state: VmState): boolean {
  return state.conditions.Fresh.status === "False";
}

/** What is due now, at most one: after it the VM is another. */
export function due(state: VmState, clock: Clock): Draft | undefined {
  return overdue(state, clock) ?? stale(state, clock);
}

/** Before the first word of the current machine after silence. */
export function recovery(state: VmState, stream: string, now: number): Draft | undefined {
  if (state.current !== stream || !isSilent(state) || state.phase === "Retired") return undefined;
  const phase = state.phase === "Stale" ? (state.remembered?.phase ?? "Booted") : state.phase;
  const silent_s = Math.max(0, Math.floor((now - (currentMachine(state)?.heard ?? now)) / 1000));
  return { type: "vm.recovered", data: { silent_s, phase, stream } };
}

export function hasSuspects({ suspects }: VmState): boolean {
  return Object.keys(suspects).length > 0;
}

/** One vm.impostor for each gone machine and boot that spoke. */
export function impostors(state: VmState): Draft[] {
  return Object.values(state.suspects).map(({ stream, boot_id, event_id, reason }) => ({
    type: "vm.impostor",
    data: { reason, stream, boot_id, event_id },
  }));
}
