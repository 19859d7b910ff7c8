// What a template and a filter see of an event.
import { reasons } from "@nexus-pull/contract";
import { textOf } from "../domain/log";
import type { Item } from "./delivery";

export interface View {
  readonly fleet: string;
  readonly vm: string;
  /** Without prefix, e.g. run.failed. */
  readonly type: string;
  readonly position: number;
  /** When the receiver had it, ISO 8601. */
  readonly received: string;
  /** The VM's phase now, not when the event came. */
  readonly phase?: string;
  /** The event's reason, else the VM's. */
  readonly reason?: string;
  readonly remedy?: string;
  readonly message?: string;
  readonly commit?: string;
  readonly outcome?: string;
  readonly run_id?: string;
  /** The event's own fields. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The CloudEvent as it was received. */
  readonly event: unknown;
}

export function remedyOf(reason: string | undefined): string | undefined {
  return reasons.find(({ code }) => code === reason)?.remedy;
}

export function viewOf({ record, state }: Item): View {
  const { fleet, vm, type, position, received, data, text } = record;
  const reason = textOf(data["reason"]) ?? state?.reason;
  return {
    fleet,
    vm,
    type,
    position,
    received: new Date(received).toISOString(),
    phase: state?.phase,
    reason,
    remedy: remedyOf(reason),
    message: textOf(data["message"]),
    commit: textOf(data["applied_sha"]) ?? textOf(data["intended_sha"]),
    outcome: textOf(data["outcome"]),
    run_id: textOf(data["run_id"]),
    data,
    event: JSON.parse(text) as unknown,
  };
}
