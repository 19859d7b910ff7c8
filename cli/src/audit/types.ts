// What an audit finds: pure data, so that every output is made of the same.

/** How bad a finding is, from harmless to "stops or silently does the wrong thing in pull". */
export type Grade = "works" | "change" | "blocker";

export const GRADES: readonly Grade[] = ["works", "change", "blocker"];

/** A place in a file; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing to know before a fleet is moved from push to pull. */
export interface Finding extends Place {
  /** A code of rules.ts. */
  readonly code: string;
  readonly grade: Grade;
  /** What stands there. */
  readonly what: string;
  /** Why it matters when each VM configures itself. */
  readonly why: string;
  readonly remedy: string;
}

/** A machine that the code or the state has. */
export interface AuditedVm extends Place {
  /** As `tofu state list` prints it, without an index when it comes from code. */
  readonly address: string;
  readonly type: string;
  /** Whether the address comes from a state. */
  readonly fromState: boolean;
  /** Addresses of the push resources that configure it. */
  readonly configuredBy: readonly string[];
}

/** Something that could not be followed and so was not judged. */
export interface Unread extends Place {
  readonly what: string;
}

export interface AuditReport {
  readonly root: string;
  readonly files: number;
  readonly findings: readonly Finding[];
  readonly vms: readonly AuditedVm[];
  /** Groups and hosts that plays are for. */
  readonly targets: readonly string[];
  readonly unread: readonly Unread[];
}
