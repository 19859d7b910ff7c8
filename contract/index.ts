// What the rooms agree on, for TypeScript. The JSON files are the contract; this only hands them over.
import agentConfigSchema from "./agent-config.schema.json";
import eventSchema from "./event.schema.json";
import evidenceSchema from "./evidence.schema.json";
import lifecycleJson from "./lifecycle.json";
import openapiJson from "./openapi.json";
import reasonsJson from "./reasons.json";
import rejectionsJson from "./rejections.json";
import rosterSchema from "./roster.schema.json";
import seedSchema from "./seed.schema.json";
import type { Lifecycle, Reason, Rejection } from "./tables";
import type { AgentEvent, Event, ReceiverEvent } from "./types.generated";

export * from "./keys";
export type * from "./tables";
export type {
  AgentBatch,
  AgentConfig,
  AgentEvent,
  DiffSummary,
  Event,
  Evidence,
  EvidenceRecord,
  Phase,
  ReceiverEvent,
  Roster,
  RosterEntry,
  Seed,
  Task,
} from "./types.generated";

/** Full type on the wire, e.g. io.nexus-pull.run.started. */
export type EventType = Event["type"];
export type AgentEventType = AgentEvent["type"];
export type ReceiverEventType = ReceiverEvent["type"];
/** The event of one type, e.g. EventOf<"io.nexus-pull.run.started">. */
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;

export const lifecycle = lifecycleJson as unknown as Lifecycle;
export const reasons: readonly Reason[] = reasonsJson.reasons as Reason[];
export const rejections: readonly Rejection[] = rejectionsJson.rejections as Rejection[];
/** Sizes, depths and times that both sides hold. */
export const limits = rejectionsJson.limits;
export const openapi = openapiJson;

/** Every schema, to be added to one validator: they refer to each other by $id. */
export const schemas = {
  agentConfig: agentConfigSchema,
  event: eventSchema,
  evidence: evidenceSchema,
  roster: rosterSchema,
  seed: seedSchema,
} as const;
