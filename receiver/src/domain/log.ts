import { type Event, lifecycle } from "../../../contract";

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
  return { position, received, fleet, vm, id: event.id, type: shortType(event.type), data, text };
}

export function textOf(data: Data, name: string): string | undefined {
  const value = data[name];
  return typeof value === "string" ? value : undefined;
}

export function numberOf(data: Data, name: string): number | undefined {
  const value = data[name];
  return typeof value === "number" ? value : undefined;
}

export function objectOf(data: Data, name: string): Data | undefined {
  const value = data[name];
  return typeof value === "object" && value !== null ? (value as Data) : undefined;
}
