// Types of the tables (lifecycle.json, reasons.json, rejections.json), which have no schema of their own.
import type { Phase } from "./types.generated";

export type ConditionName = "Booted" | "SourceVerified" | "ClockSynced" | "Converged" | "Fresh";
export type ConditionStatus = "True" | "False" | "Unknown";
export type Outcome = "unchanged" | "changed-intentional" | "changed-corrective" | "failed" | "interrupted" | "skipped";

/** One cell of the table. ignore: nothing changes. if: a guard decides between this cell and else. */
export interface Cell {
  readonly if?: string;
  readonly next?: Phase | "same" | "resume";
  /** With next resume: the event's cell in the resumed phase is applied as well. */
  readonly then?: "cell";
  /** Names of effects. */
  readonly set?: readonly string[];
  readonly ignore?: true;
  readonly why?: string;
  readonly note?: string;
  readonly else?: Cell;
}

export interface Effect {
  readonly condition: ConditionName;
  readonly status: ConditionStatus;
  /** A code of reasons.json, or $event (the event's), or $guard (the first unmet condition's). */
  readonly reason: string;
}

export interface GuardCondition {
  readonly name: string;
  readonly path: string;
  readonly equals?: string | number;
  readonly equals_path?: string;
  readonly at_least?: number;
  readonly one_of?: readonly string[];
  readonly reason?: string;
}

export interface Guard {
  readonly meaning: string;
  readonly all: readonly GuardCondition[];
  readonly absent_reason?: string;
}

export interface Deadline {
  readonly starts: readonly string[];
  readonly seconds: string;
  /** Of a VM in no roster. */
  readonly default_s?: number;
  readonly phases: readonly Phase[];
  readonly ends: string;
  readonly append: "vm.overdue";
  readonly reason: string;
  readonly grace_s: number;
}

/** The parts of lifecycle.json that programs read; its other members are rules in words. */
export interface Lifecycle {
  readonly type_prefix: string;
  readonly initial_phase: Phase;
  readonly phases: readonly { readonly name: Phase; readonly meaning: string }[];
  readonly conditions: readonly { readonly name: ConditionName; readonly meaning: string }[];
  readonly outcomes: readonly { readonly name: Outcome; readonly meaning: string }[];
  readonly events: Readonly<Record<string, { readonly made_by: "agent" | "receiver"; readonly meaning: string }>>;
  readonly effects: Readonly<Record<string, readonly Effect[]>>;
  readonly guards: Readonly<Record<string, Guard>>;
  readonly deadlines: Readonly<Record<"roster" | "bootstrap" | "run", Deadline>>;
  readonly silence: { readonly heartbeat_s_default: number; readonly phases: readonly Phase[] };
  readonly receiver_clock: { readonly start_grace_s: number };
  readonly streams: {
    readonly limits: { readonly kept: number; readonly remembered: number; readonly new_per_hour: number };
  };
  readonly order: { readonly gap_wait_s: number; readonly held_at_most: number };
  /** Phase, then event type without prefix. */
  readonly table: Readonly<Record<Phase, Readonly<Record<string, Cell>>>>;
}

export interface Reason {
  readonly code: string;
  readonly area: "network" | "bootstrap" | "source" | "run" | "vault" | "delivery" | "receiver" | "state";
  readonly kind: "failure" | "notice" | "state";
  readonly meaning: string;
  readonly evidence: string;
  readonly remedy: string;
}

export interface Rejection {
  readonly code: string;
  readonly status: number;
  readonly on: readonly (
    "webhook" | "roster" | "release" | "retire" | "acknowledge" | "trust" | "resend" | "wait" | "read"
  )[];
  readonly action: "retry" | "set_aside";
  readonly retry_after_s?: number;
  readonly correct_clock?: true;
  readonly split_batch?: true;
  readonly begin_stream?: true;
  readonly reason?: string;
  readonly meaning: string;
  readonly remedy: string;
}
