// What the fold makes of one VM's log. Plain data: it is stored as JSON beside the log and compared with a rebuild.
import { type ConditionName, type ConditionStatus, lifecycle, type Phase } from "@nexus-pull/contract";
import type { Data, LogRecord } from "./log";

/**
 * The number of the fold: it grows when a log comes to another state than before, or to one with other members. A store whose
 * states are of another fold has them made anew.
 */
export const FOLD = 2;

export interface Condition {
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message?: string;
  /** When the status changed last, by the receiver's clock. */
  readonly at: number;
}

/** Why a machine is not its VM's any more; the reason if it speaks again. */
export type Gone = "stream_superseded" | "stream_released";

export interface Machine {
  readonly stream: string;
  readonly instance_id: string;
  /** Position of its first event. */
  readonly first: number;
  readonly gone?: Gone;
  /** An operator named another machine: it is no more in doubt which is the VM's. */
  readonly disowned?: true;
  /** The seq that comes next. */
  readonly next: number;
  readonly boot_id: string;
  /** When its last event was received. */
  readonly heard: number;
  readonly heartbeat_s?: number;
  /** What it last said of itself. */
  readonly facts: Data;
}

export interface Run {
  readonly run_id: string;
  readonly mode?: string;
  readonly trigger?: string;
  readonly intended_sha?: string;
  readonly applied_sha?: string;
  readonly config_digest?: string;
  readonly started?: number;
  readonly ended?: number;
  readonly duration_s?: number;
  readonly outcome?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly changed?: number;
  readonly diff_summary?: Data;
}

export interface Announcement {
  readonly roster_id: string;
  readonly instance_id: string;
  readonly deadline_s: number;
  readonly ref: string;
}

export interface Deadlines {
  /** When it began; its length is the announcement's. */
  readonly roster?: number;
  readonly bootstrap?: { readonly start: number; readonly seconds: number };
  readonly run?: { readonly start: number; readonly seconds: number; readonly run_id: string };
}

/** A gone machine that spoke, and of which the log has no vm.impostor yet. */
export interface Suspect {
  readonly stream: string;
  readonly boot_id: string;
  readonly event_id: string;
  readonly reason: Gone;
}

/** An event that waits for those before it. */
export interface Held {
  readonly stream: string;
  readonly position: number;
  readonly received: number;
}

/** A superseded machine that still speaks. */
export interface Contest {
  readonly stream: string;
  /** When it spoke last. */
  readonly heard: number;
  /** When it will have been silent for long enough. */
  readonly until: number;
}

export interface VmState {
  readonly fleet: string;
  readonly vm: string;
  readonly phase: Phase;
  readonly reason: string;
  readonly message?: string;
  readonly since: number;
  /** Since when the reason and the message are these, where that is later than the phase began. */
  readonly why_since?: number;
  /** What Stale came from. */
  readonly remembered?: { readonly phase: Phase; readonly reason: string; readonly message?: string };
  readonly conditions: Readonly<Record<ConditionName, Condition>>;
  readonly announced?: Announcement;
  readonly retired?: true;
  readonly current?: string;
  readonly machines: Readonly<Record<string, Machine>>;
  readonly deadlines: Deadlines;
  /** Newest first. */
  readonly runs: readonly Run[];
  readonly intended_sha?: string;
  readonly applied_sha?: string;
  /** The commit that the current machine's last proved run applied, and the settings it did it with. */
  readonly proved?: { readonly commit: string; readonly config_digest?: string };
  /** The commit that the failure is about, where it is about one. */
  readonly failed_sha?: string;
  /** When an operator said that somebody looks after the VM; gone when the phase changes. */
  readonly acknowledged?: number;
  readonly contest?: Contest;
  /** Begins of the names of streams that are gone and not among the machines any more, oldest first. */
  readonly former: readonly string[];
  /** When the newest streams were first heard, oldest first. */
  readonly joined: readonly number[];
  readonly suspects: Readonly<Record<string, Suspect>>;
  /** Keys of the impostors that the log has, newest last. */
  readonly flagged: readonly string[];
  readonly impostors: number;
  readonly held: readonly Held[];
  /** The last position that is in it. */
  readonly last: number;
  /** How many records are in it. */
  readonly records: number;
}

/** Phases in which somebody has to look, the worst first. */
export const attention: readonly Phase[] = ["Failed", "Overdue", "Drifted", "Stale"];

export const CONDITIONS: readonly ConditionName[] = lifecycle.conditions.map(({ name }) => name);

/** Those of a VM of which nothing but the roster's runs. */
export function rosterDeadline(roster: number | undefined): Whole<Deadlines> {
  return { roster, bootstrap: undefined, run: undefined };
}

export function initialState(first: LogRecord): VmState {
  const awaited: Whole<Condition> = { status: "Unknown", reason: "awaited", message: undefined, at: first.received };
  return successor({
    fleet: first.fleet,
    vm: first.vm,
    phase: lifecycle.initial_phase,
    reason: "awaited",
    since: first.received,
    conditions: Object.fromEntries(CONDITIONS.map((name) => [name, awaited])) as VmState["conditions"],
    machines: {},
    deadlines: rosterDeadline(first.received),
    runs: [],
    former: [],
    joined: [],
    suspects: {},
    flagged: [],
    impostors: 0,
    held: [],
    last: 0,
    records: 0,
  });
}

/**
 * What is being made, with each member there, undefined where nothing is known: objects of one shape are read and copied
 * several times as fast as those of many. As JSON, which has no undefined, they are the same.
 */
export type Whole<T> = { -readonly [K in keyof Required<T>]: T[K] };

/** The state that comes next, while one step of the fold makes it. Only its own members change: what they hold is shared. */
export type Next = Whole<VmState>;

/** The one copy that a step makes. */
export function successor(state: VmState): Next {
  return {
    fleet: state.fleet,
    vm: state.vm,
    phase: state.phase,
    reason: state.reason,
    message: state.message,
    since: state.since,
    why_since: state.why_since,
    remembered: state.remembered,
    conditions: state.conditions,
    announced: state.announced,
    retired: state.retired,
    current: state.current,
    machines: state.machines,
    deadlines: state.deadlines,
    runs: state.runs,
    intended_sha: state.intended_sha,
    applied_sha: state.applied_sha,
    proved: state.proved,
    failed_sha: state.failed_sha,
    acknowledged: state.acknowledged,
    contest: state.contest,
    former: state.former ?? [],
    joined: state.joined ?? [],
    suspects: state.suspects,
    flagged: state.flagged,
    impostors: state.impostors,
    held: state.held,
    last: state.last,
    // A base of an older fold has none.
    records: state.records ?? 0,
  };
}

export function currentMachine(state: VmState): Machine | undefined {
  return state.current === undefined ? undefined : state.machines[state.current];
}

/** The same without members that are undefined. */
export function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
