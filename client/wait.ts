// Waits until a VM is Configured or Failed: one request after the other, each held by the receiver for a while.
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { vmPath } from "./addresses";
import { isFinal, refused } from "./problems";
import { type Access, operatorHeaders, readerHeaders, send } from "./requests";

/** What is waited for. */
export interface Awaited {
  readonly fleet: string;
  readonly vm: string;
  /**
   * Only this commit counts.
   * @default - whichever the VM calls intended
   */
  readonly commit?: string;
  /** Seconds to wait in all. */
  readonly timeoutS: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal;
  /** What keeps it waiting, each time that it changes. */
  readonly note?: (text: string) => void;
  /** Milliseconds of a clock that only goes forward. @default performance.now */
  readonly now?: () => number;
  /** Milliseconds between two requests. @default 1000 */
  readonly pauseMs?: number;
}

/** How a wait ended, and the receiver's text. */
export interface WaitEnd {
  readonly end: "configured" | "failed" | "timeout";
  readonly text: string;
}

/** One request is held for so long: below the 60 s after which proxies commonly give up. */
const HOLD_S = 30;
/** To connect, and for the answer to arrive. */
const GRACE_MS = 10_000;

type Step = WaitEnd | { readonly end: undefined; readonly text: string };

function stepOf(base: string, status: number, text: string): Step {
  const shown = text.trim();
  if (status === 200) return { end: "configured", text: shown };
  if (status === 409) return { end: "failed", text: shown };
  if (status === 504) return { end: undefined, text: shown };
  const error = refused(base, status, text);
  // A proxy's 404 is a wrong address; its 502 while the receiver is started again is no reason to give up.
  if (status === 429 || status >= 500) return { end: undefined, text: error.message };
  throw error;
}

async function ask(access: Access, awaited: Awaited, id: string, holdS: number): Promise<Step> {
  const { base, secrets = [], token } = access;
  const { fleet, vm, commit, signal } = awaited;
  const query = new URLSearchParams({ timeout_s: String(holdS), ...(commit === undefined ? {} : { commit }) });
  const signed = secrets.length > 0 ? operatorHeaders(secrets, { action: "wait", fleet, vm, id }) : {};
  const headers = { ...readerHeaders(token), ...signed };
  try {
    const path = `${vmPath(fleet, vm, "wait")}?${query.toString()}`;
    const response = await send(base, path, { headers, signal, timeoutMs: holdS * 1000 + GRACE_MS });
    return stepOf(base, response.status, await response.text());
  } catch (error) {
    signal?.throwIfAborted();
    if (isFinal(error)) throw error;
    return { end: undefined, text: (error as Error).message };
  }
}

/**
 * Waits for a VM. A receiver that does not answer, or is in trouble, is asked again until the time is over.
 *
 * @throws RefusedError, NoReceiverError - it refuses to say; waiting longer would not help
 */
export async function waitFor(access: Access, awaited: Awaited): Promise<WaitEnd> {
  const { timeoutS, signal, note, now = () => performance.now(), pauseMs = 1000 } = awaited;
  const id = `wait-${randomBytes(12).toString("hex")}`;
  const deadline = now() + timeoutS * 1000;
  for (let last = ""; ;) {
    const leftS = Math.max(0, Math.ceil((deadline - now()) / 1000));
    const step = await ask(access, awaited, id, Math.min(leftS, HOLD_S));
    if (step.end !== undefined) return step;
    if (step.text !== last) note?.(step.text);
    last = step.text;
    if (now() >= deadline) return { end: "timeout", text: last };
    await pause(pauseMs, undefined, { signal });
  }
}
