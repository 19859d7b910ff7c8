import { type Event, lifecycle } from "@nexus-pull/contract";

/** Fields that an event's schema has beside those that are common; unknown ones are kept. */
export type Data = Readonly<Record<string, unknown>>;

/** One entry of the log. What was received when is the receiver's word, the rest is the event's. */
export interface LogRecord {
  /** From 1, without gaps; the only order between streams. */
  readonly position: number;
  /** The receiver's clock, in milliseconds. */
  readonly received: number;
  readonly fleet: string;
  readonly vm: string;
  readonly id: string;
  /** Without prefix, e.g. run.started. */
  readonly type: string;
  readonly data: Data;
  /** Of its data, where it is an agent's, else "" and 0. */
  readonly stream: string;
  readonly seq: number;
  /** The event as it is stored and shown: compact JSON. */
  readonly text: string;
}

export function shortType(type: string): string {
  return type.slice(lifecycle.type_prefix.length);
}

export function isFromAgent(record: Pick<LogRecord, "type">): boolean {
  return lifecycle.events[record.type]?.made_by === "agent";
}

export function recordOf(event: Event, text: string, position: number, received: number): LogRecord {
  const data = event.data as unknown as Data;
  const { fleet, vm } = event.data;
  const [stream, seq] = [textOf(data["stream"]) ?? "", numberOf(data["seq"]) ?? 0];
  return { position, received, fleet, vm, id: event.id, type: shortType(event.type), data, stream, seq, text };
}

// They are given the value, not its name: a member that is looked up under a name that varies takes several times as long.
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

export function objectOf(value: unknown): Data | undefined {
  return typeof value === "object" && value !== null ? (value as Data) : undefined;
}
