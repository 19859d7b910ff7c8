// What a request does to the log. Each is a decision: it looks, refuses, or appends.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { AgentEvent, RosterEntry } from "@nexus-pull/contract";
import type { Draft } from "../domain/clock";
import { foreignKeyFlag, hasTooManyStreams, isNews } from "../domain/machines";
import { endOf, rosterChanges } from "../domain/roster";
import { attention, compact, type VmState } from "../domain/state";
import type { EventName, StoredRequest } from "../store/port";
import type { Decision, Finds } from "./engine";
import type { Fleets } from "./fleets";
import { Refusal } from "./refusal";
import type { Incoming, Transaction } from "./transaction";

export interface Accepted {
  readonly accepted: number;
  readonly duplicates: number;
}

/** However it is spelled: a spool that was rewritten, or a proxy, may give an object's members another order. */
function isSame(one: string, other: string): boolean {
  return one === other || isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
}

/** What it costs that a machine's state goes back again and again is bounded. */
function checkStreams(transaction: Transaction, [first]: readonly Incoming[]): void {
  if (first === undefined) return;
  const { fleet, vm, stream } = (first.event as AgentEvent).data;
  const state = transaction.state(fleet, vm);
  if (state !== undefined && hasTooManyStreams(state, stream, transaction.clock.now))
    throw new Refusal("streams_too_many");
}

async function takeFresh(transaction: Transaction, events: readonly Incoming[]): Promise<Accepted> {
  checkStreams(transaction, events);
  const fresh: Incoming[] = [];
  const ids = new Map<string, string>();
  for (const [index, { event, text }] of events.entries()) {
    const stored = ids.get(event.id) ?? (await transaction.textOf(event as AgentEvent));
    const place = events.length > 1 ? { index } : {};
    if (stored !== undefined && !isSame(stored, text)) throw new Refusal("id_conflict", place);
    // What is settled and not stored may be anything: its record went, or the machine's state did.
    if (stored === undefined && (await transaction.isSettled(event as AgentEvent)))
      throw new Refusal("id_conflict", { ...place, detail: `seq ${(event as AgentEvent).data.seq} is settled` });
    if (stored === undefined) fresh.push({ event, text });
    ids.set(event.id, text);
  }
  for (const incoming of fresh) await transaction.take(incoming);
  return { accepted: fresh.length, duplicates: events.length - fresh.length };
}

const ONE: Accepted = { accepted: 1, duplicates: 0 };

/** One VM's events: all of them, or none. */
export function takeEvents(events: readonly Incoming[]): Decision<Accepted> {
  const [first] = events;
  const only = events.length === 1 ? first : undefined;
  return (transaction) => (only !== undefined && transaction.takeNext(only) ? ONE : takeFresh(transaction, events));
}

/** Which of them the log may have already; of most, the VM's state tells that it does not. */
export function maybeKnown(fleets: Fleets, events: readonly Incoming[]): Finds {
  const found: EventName[] = [];
  for (const { event } of events) {
    const { id, data } = event as AgentEvent;
    if (!isNews(fleets.get(data.fleet, data.vm), data)) found.push({ id, fleet: data.fleet, vm: data.vm });
  }
  return found;
}

export interface OperatorCall {
  readonly id: string;
  readonly fleet: string;
  readonly body: Uint8Array;
}

/** The answer of the same request before: only the newest may be repeated. */
async function answeredBefore(
  transaction: Transaction,
  call: Omit<StoredRequest, "answer" | "counts">,
): Promise<string | undefined> {
  const used = await transaction.request(call.id);
  if (used === undefined) return undefined;
  const same =
    used.kind === call.kind && used.fleet === call.fleet && used.vm === call.vm && used.digest === call.digest;
  const newest = await transaction.newestRequest(call.kind, call.fleet, call.vm);
  // An end that did not count retired nobody, so its repetition cannot either: it may have lost its answer, too.
  if (same && (newest?.id === call.id || !used.counts)) return used.answer;
  throw new Refusal("id_used");
}

const sha256 = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

export function putRoster(call: OperatorCall, roster: readonly RosterEntry[]): Decision<string> {
  return async (transaction) => {
    const { id, fleet } = call;
    const request = { id, kind: "roster" as const, fleet, digest: sha256(call.body) };
    const before = await answeredBefore(transaction, request);
    if (before !== undefined) return before;
    const ended = endOf(id, roster);
    const newest = ended === undefined ? undefined : await transaction.newestRequest("roster", fleet);
    const counts = ended === undefined || newest?.id === ended;
    const changes = counts ? rosterChanges(id, roster, transaction.statesOf(fleet)) : [];
    for (const { vm, draft } of changes) await transaction.draft(fleet, vm, draft);
    const retired = changes.filter(({ draft }) => draft.type === "vm.retired").length;
    const answer = JSON.stringify({ expected: changes.length - retired, retired });
    transaction.addRequest({ ...request, answer, counts });
    return answer;
  };
}

/** Names the VM's machine where two claim to be it. */
export function trust(call: OperatorCall, vm: string, stream: string): Decision<string> {
  return async (transaction) => {
    const { id, fleet } = call;
    const request = { id, kind: "trust" as const, fleet, vm, digest: sha256(Buffer.from(stream)) };
    const before = await answeredBefore(transaction, request);
    if (before !== undefined) return before;
    const trusted = transaction.state(fleet, vm)?.machines[stream] !== undefined;
    if (trusted)
      await transaction.draft(fleet, vm, { type: "vm.released", data: { release_id: id, keep_stream: stream } });
    const answer = JSON.stringify({ trusted });
    transaction.addRequest({ ...request, answer, counts: true });
    return answer;
  };
}

/** What an operator asks for about one VM: the event that it makes, or undefined when there is nothing to do. */
interface AboutVm {
  readonly kind: "release" | "retire" | "acknowledge";
  /** Member of the answer that says whether there was something to do. */
  readonly answer: string;
  readonly draft: (state: VmState, id: string) => Draft | undefined;
}

const ABOUT_VM: Readonly<Record<AboutVm["kind"], AboutVm>> = {
  release: {
    kind: "release",
    answer: "released",
    draft: (_state, id) => ({ type: "vm.released", data: { release_id: id } }),
  },
  retire: {
    kind: "retire",
    answer: "retired",
    draft: ({ retired }, id) => (retired ? undefined : { type: "vm.retired", data: { roster_id: id } }),
  },
  acknowledge: {
    kind: "acknowledge",
    answer: "acknowledged",
    draft: ({ phase, reason }, id) =>
      attention.includes(phase) ? { type: "vm.acknowledged", data: { request_id: id, phase, reason } } : undefined,
  },
};

export function aboutVm(kind: AboutVm["kind"], call: OperatorCall, vm: string): Decision<string> {
  const { answer: member, draft } = ABOUT_VM[kind];
  return async (transaction) => {
    const { id, fleet } = call;
    const request = { id, kind, fleet, vm, digest: sha256(new Uint8Array()) };
    const before = await answeredBefore(transaction, request);
    if (before !== undefined) return before;
    const state = transaction.state(fleet, vm);
    const drafted = state && draft(state, id);
    if (drafted !== undefined) await transaction.draft(fleet, vm, drafted);
    const answer = JSON.stringify({ [member]: drafted !== undefined });
    transaction.addRequest({ ...request, answer, counts: true });
    return answer;
  };
}

/** Uses up the id of a request that changes nothing in the log; its repetition is refused. */
export function useId(id: string, forwarder: string): Decision<void> {
  return async (transaction) => {
    if ((await transaction.request(id)) !== undefined) throw new Refusal("id_used");
    const digest = sha256(new Uint8Array());
    transaction.addRequest({ id, kind: "resend", fleet: forwarder, digest, answer: "{}", counts: true });
  };
}

export interface ForeignKey {
  /** Whose key it is. */
  readonly fleet: string;
  readonly vm: string;
  /** Who was named. */
  readonly claimed: string;
  readonly eventId?: string;
  readonly remote?: string;
}

/** Noted once an hour for each pair. */
export function noteForeignKey({ fleet, vm, claimed, eventId, remote }: ForeignKey): Decision<void> {
  return async (transaction) => {
    const state = transaction.state(fleet, vm);
    const flag = foreignKeyFlag(claimed, Math.floor(transaction.clock.now / 3_600_000));
    if (state === undefined || state.flagged.includes(flag)) return;
    const data = { reason: "key_of_another_vm", claimed_vm: claimed, event_id: eventId, remote };
    await transaction.draft(fleet, vm, { type: "vm.impostor", data: compact(data) });
  };
}
