// From a verified body to events that keep the contract, or the refusal that says which one does not.
import { type AgentEvent, lifecycle, limits } from "@nexus-pull/contract";
import { shortType } from "../domain/log";
import { Refusal, type RefusalDetails } from "../engine/refusal";
import type { Incoming } from "../engine/transaction";
import { MalformedJson, type Parsed, parseStrictly } from "./json";
import { errorsOf, isAgentEvent, validators } from "./schemas";

export type Mode = "structured" | "batch";

const MEDIA = /^application\/cloudevents(-batch)?\+json\s*(?:;(.*))?$/i;

/** The CloudEvents mode that a Content-Type asks for. */
export function modeOf(contentType: string | undefined): Mode {
  const [, batch, parameters] = MEDIA.exec(contentType?.trim() ?? "") ?? [];
  const charset = /(?:^|;)\s*charset\s*=\s*"?([^";\s]*)/i.exec(parameters ?? "")?.[1];
  const isOne = MEDIA.test(contentType?.trim() ?? "") && (charset === undefined || /^utf-?8$/i.test(charset));
  if (!isOne) throw new Refusal("media_type", { detail: `got ${(contentType ?? "none").slice(0, 100)}` });
  return batch === undefined ? "structured" : "batch";
}

export function parseBody(body: Uint8Array, latin1?: string): Parsed {
  try {
    return parseStrictly(body, latin1);
  } catch (error) {
    if (error instanceof MalformedJson) throw new Refusal("body_malformed", { detail: error.message });
    throw error;
  }
}

type Place = Pick<RefusalDetails, "index">;

/** An agent's event's type, or "" where it has none. */
function typeOf(value: unknown, place: Place): string {
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  if (typeof type !== "string") return "";
  const short = shortType(type);
  const known = type.startsWith(lifecycle.type_prefix) && Object.hasOwn(lifecycle.events, short);
  if (known && lifecycle.events[short]?.made_by === "agent") return type;
  throw new Refusal(known ? "type_reserved" : "type_unknown", { ...place, detail: `type ${type.slice(0, 100)}` });
}

function checkOne({ value, text }: Parsed, place: Place): Incoming {
  if (Buffer.byteLength(text) > limits.event_bytes) throw new Refusal("body_too_large", place);
  if (!isAgentEvent(typeOf(value, place), value)) {
    const errors = errorsOf(validators.agentEvent);
    const detail = errors.map(({ path, message }) => `${path} ${message}`).join("; ");
    throw new Refusal("event_invalid", { ...place, errors, detail });
  }
  const event = value as AgentEvent;
  const { fleet, vm, stream, seq } = event.data;
  if (event.source !== `/fleets/${fleet}/vms/${vm}`) throw new Refusal("source_mismatch", place);
  if (event.id !== `${stream}-${seq}`)
    throw new Refusal("id_mismatch", { ...place, detail: "id is not <stream>-<seq>" });
  return { event, text };
}

function checkBatch(events: readonly Incoming[]): void {
  const [first] = events.map(({ event }) => event as AgentEvent);
  let seq = 0;
  for (const [index, { event }] of events.entries()) {
    const { data } = event as AgentEvent;
    const same = event.source === first?.source && data.stream === first.data.stream;
    if (!same || data.seq <= seq) throw new Refusal("batch_mixed", { index });
    seq = data.seq;
  }
}

function idOf(events: readonly Incoming[], mode: Mode): string {
  const [first, last] = [events[0]?.event, events.at(-1)?.event] as (AgentEvent | undefined)[];
  if (mode === "structured" || first === undefined || last === undefined) return first?.id ?? "";
  return `${first.data.stream}-${first.data.seq}-${last.data.seq}`;
}

function readBatch(value: unknown): readonly Incoming[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > limits.batch_events)
    throw new Refusal("event_invalid", { errors: [{ path: "", message: "must be an array of 1 to 100 events" }] });
  const events = (value as unknown[]).map((one, index) =>
    checkOne({ value: one, text: JSON.stringify(one) }, { index }),
  );
  checkBatch(events);
  return events;
}

/** The events of a body, all of them good. */
export function readEvents(body: Parsed, mode: Mode, webhookId: string): readonly Incoming[] {
  const events = mode === "batch" ? readBatch(body.value) : [checkOne(body, {})];
  const expected = idOf(events, mode);
  if (webhookId !== expected) throw new Refusal("id_mismatch", { detail: `webhook-id is not ${expected}` });
  return events;
}
