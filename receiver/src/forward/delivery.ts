// What a delivery is, whatever the target: what is sent, what it comes to, when it is tried again.
import type { VmState } from "../domain/state";
import type { LogRecord } from "../domain/log";

/** One event on its way, with the VM as it stands now. */
export interface Item {
  readonly record: LogRecord;
  readonly state?: VmState;
}

/** Where events go. */
export interface Target {
  /** Resolves when the target has the event. Sent again, an event is the same for the target. @throws DeliveryError */
  deliver(item: Item, signal: AbortSignal): Promise<void>;
  /** What has to be said again from time to time, for targets that forget. */
  readonly refresh?: { readonly everyMs: number; run(states: readonly VmState[], signal: AbortSignal): Promise<void> };
}

/** The target does not have it. */
export class DeliveryError extends Error {
  public constructor(
    message: string,
    /** The same would be refused again: it is set aside at once. */
    public readonly permanent: boolean,
    public readonly retryAfterMs?: number,
  ) {
    super(message);
    this.name = "DeliveryError";
  }
}

const FIRST_MS = 1000;
const LONGEST_MS = 300_000;

/** Doubles from a second to five minutes; half of it is chance, so that many do not come at once. What the target asks for wins. */
export function pauseMs(attempt: number, random: number, asked?: number): number {
  const full = Math.min(FIRST_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_MS);
  return Math.max(Math.round(full / 2 + (full / 2) * random), Math.min(asked ?? 0, 3_600_000));
}
