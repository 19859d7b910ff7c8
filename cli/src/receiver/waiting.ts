// Waits for VMs, several at once, each by what it was named with. Never says yes for another instance or another commit.
import { setTimeout as pause } from "node:timers/promises";
import { type Access, NoReceiverError, RefusedError, UnreachableError, waitFor } from "@nexus-pull/client";
import { detailOf, find, onlyOne, type Vm } from "./vms";

/** What is waited for. */
export interface Target {
  /** As it was named: name, fleet/name, address or instance id. */
  readonly word: string;
  readonly fleet?: string;
  /** The name is known to be one, so that the receiver itself can wait for a VM that it does not know yet. */
  readonly isName: boolean;
  /** Only this machine counts. */
  readonly instanceId?: string;
}

export type End = "configured" | "failed" | "timeout" | "unknown" | "unreachable" | "refused";

export interface Result {
  readonly target: Target;
  readonly end: End;
  readonly text: string;
  readonly vm?: Pick<Vm, "fleet" | "vm">;
}

export interface Waiting {
  readonly access: Access;
  readonly commit?: string;
  readonly timeoutS: number;
  readonly signal: AbortSignal;
  /** What keeps a target, each time that it changes. */
  readonly note: (target: Target, text: string) => void;
  /** Milliseconds of a clock that only goes forward. @default performance.now */
  readonly now?: () => number;
  /** Milliseconds between two looks. @default 1000 */
  readonly pauseMs?: number;
}

/** The receiver holds a request for each: more wait their turn. */
const AT_ONCE = 32;

/** Waits for all of them; the results are in the targets' order. */
export async function waitForAll(
  targets: readonly Target[],
  waiting: Waiting,
  done: (result: Result) => void,
): Promise<Result[]> {
  const now = waiting.now ?? (() => performance.now());
  const deadline = now() + waiting.timeoutS * 1000;
  const results: Result[] = [];
  const open = [...targets.keys()];
  const worker = async (): Promise<void> => {
    for (let index = open.shift(); index !== undefined; index = open.shift()) {
      results[index] = await waitForOne(targets[index]!, waiting, { now, deadline });
      done(results[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, targets.length) }, worker));
  return results;
}

interface Clock {
  readonly now: () => number;
  readonly deadline: number;
}

type Known = { readonly vm: Pick<Vm, "fleet" | "vm"> } | { readonly end: End; readonly text: string } | undefined;

async function waitForOne(target: Target, waiting: Waiting, clock: Clock): Promise<Result> {
  const { access, signal, pauseMs = 1000 } = waiting;
  let last: { readonly end: End; readonly text: string } = { end: "unknown", text: "the receiver does not know it" };
  const note = (text: string): void => waiting.note(target, text);
  try {
    for (;;) {
      const known = await resolve(target, access, note);
      if (known !== undefined && "end" in known) last = known;
      if (known !== undefined && "vm" in known) {
        const result = await waitForKnown(target, known.vm, waiting, clock);
        if (result.end !== "timeout") return result;
        last = result;
        if (clock.now() >= clock.deadline) return result;
      } else if (known === undefined) last = { end: "unknown", text: "the receiver does not know it" };
      if (clock.now() >= clock.deadline) return { target, ...last };
      await pause(pauseMs, undefined, { signal });
    }
  } catch (error) {
    if (error instanceof RefusedError || error instanceof NoReceiverError)
      return { target, end: "refused", text: error.message };
    throw error;
  }
}

/** The VM that a target names; a receiver that is away for a while is asked again. */
async function resolve(target: Target, access: Access, note: (text: string) => void): Promise<Known> {
  if (target.isName && target.fleet !== undefined) return { vm: { fleet: target.fleet, vm: target.word } };
  try {
    const vm = onlyOne(target.word, await find(access, target.word, target.fleet));
    if (vm === undefined) note("not known yet");
    return vm === undefined ? undefined : { vm };
  } catch (error) {
    if (!(error instanceof UnreachableError) && !isTrouble(error)) throw error;
    note((error as Error).message);
    return { end: "unreachable", text: (error as Error).message };
  }
}

function isTrouble(error: unknown): boolean {
  const known = error instanceof RefusedError || error instanceof NoReceiverError;
  return known && (error.status === 429 || error.status >= 500);
}

/** Only a moment each: where an instance or an address was asked for, who has it is looked at again and again. */
const LOOK_S = 20;

async function waitForKnown(
  target: Target,
  vm: Pick<Vm, "fleet" | "vm">,
  waiting: Waiting,
  clock: Clock,
): Promise<Result> {
  const { access, commit, signal } = waiting;
  const leftS = Math.max(0, Math.ceil((clock.deadline - clock.now()) / 1000));
  const timeoutS =
    target.isName && target.fleet !== undefined && target.instanceId === undefined ? leftS : Math.min(leftS, LOOK_S);
  const note = (text: string): void => waiting.note(target, text);
  const { fleet, vm: name } = vm;
  const { end, text } = await waitFor(access, {
    fleet,
    vm: name,
    commit,
    timeoutS,
    signal,
    note,
    pauseMs: waiting.pauseMs,
  });
  if (end === "timeout") return { target, vm, ...(await atTheEnd(access, vm, text)) };
  const other = await isOther(target, vm, access);
  if (other === undefined) return { target, vm, end, text };
  note(other);
  return { target, vm, end: "timeout", text: other };
}

/** What a wait that ran out is: unreachable, unknown to the receiver, or not there yet. */
async function atTheEnd(
  access: Access,
  vm: Pick<Vm, "fleet" | "vm">,
  text: string,
): Promise<{ end: End; text: string }> {
  try {
    await detailOf(access, vm);
    return { end: "timeout", text };
  } catch (error) {
    if (error instanceof UnreachableError || isTrouble(error))
      return { end: "unreachable", text: (error as Error).message };
    if (error instanceof RefusedError && error.problem.code === "vm_unknown") return { end: "unknown", text };
    throw error;
  }
}

/** Why the answer is another machine's; undefined when it is not. */
async function isOther(target: Target, vm: Pick<Vm, "fleet" | "vm">, access: Access): Promise<string | undefined> {
  if (target.isName && target.instanceId === undefined) return undefined;
  const detail = await detailOf(access, vm);
  const wanted = target.instanceId;
  if (wanted !== undefined)
    return detail.instance_id === wanted ? undefined : `instance ${detail.instance_id ?? "?"} answered, not ${wanted}`;
  const still =
    detail.instance_id === target.word || detail.vm === target.word || detail.addresses?.includes(target.word) === true;
  return still || `${detail.fleet}/${detail.vm}` === target.word
    ? undefined
    : `${target.word} is not this machine's any more`;
}
