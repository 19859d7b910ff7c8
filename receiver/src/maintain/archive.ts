// A store as lines of JSON, each a CloudEvent: what is in the log comes as it was received, with its place in the log and
// the time of its reception as extension attributes; what is kept beside the log has types of its own.
import type { Readable } from "node:stream";
import type { Event } from "@nexus-pull/contract";
import { type LogRecord, recordOf } from "../domain/log";
import { SETTLED_EVERY } from "../domain/project";
import { FOLD } from "../domain/state";
import { keyOf } from "../engine/fleets";
import { Reading } from "../engine/reading";
import type { Base, Changes, Loader, Store, StoredRequest } from "../store/port";
import { linesOf } from "./lines";

const PREFIX = "io.nexus-pull.archive.";
const FORMAT = 1;
const PAGE = 500;
/** So many records of one VM are not behind a base that is moved now and then. */
const FAR = 4 * SETTLED_EVERY;
/** Of one receiver's forwarders there are never so many values. */
const KEPT_AT_MOST = 1_000_000;

/** The archive is not whole, or is none. */
export class ArchiveError extends Error {}

interface Line {
  readonly type: string;
  readonly data: unknown;
}

function line(kind: string, id: string, data: unknown): string {
  const source = "/nexus-pull-receiver";
  return JSON.stringify({
    specversion: "1.0",
    id,
    source,
    type: PREFIX + kind,
    datacontenttype: "application/json",
    data,
  });
}

/** The event's own bytes, so that it is the same after its way back. */
function eventLine({ position, received, text }: LogRecord): string {
  return `${text.slice(0, -1)},"npposition":${position},"npreceived":${received}}`;
}

/** Lines without their ends. */
export async function* exportLines(store: Store): AsyncGenerator<string> {
  yield line("begin", "begin", { format: FORMAT });
  for (let after = 0; ;) {
    const page = await store.requestsAfter(after, PAGE);
    for (const { ordinal, ...request } of page) {
      after = ordinal;
      yield line("request", request.id, request);
    }
    if (page.length < PAGE) break;
  }
  for (const [key, value] of await store.kept("", KEPT_AT_MOST)) yield line("kept", key, { key, value });
  for (const { fleet, vm } of await store.states()) {
    const base = await store.base(fleet, vm);
    if (base !== undefined) yield line("base", `${fleet}/${vm}`, base);
  }
  let events = 0;
  for (let after = 0; ;) {
    const page = await store.events({ after, limit: PAGE });
    for (const record of page) yield eventLine(record);
    events += page.length;
    if (page.length < PAGE) break;
    after = page.at(-1)?.position ?? after;
  }
  yield line("end", "end", { events });
}

function toRecord(value: Record<string, unknown>): LogRecord {
  const { npposition, npreceived, ...event } = value;
  if (typeof npposition !== "number" || typeof npreceived !== "number")
    throw new ArchiveError("an event has no npposition or npreceived");
  return recordOf(event as unknown as Event, JSON.stringify(event), npposition, npreceived);
}

function parse(text: string, number: number): Line & Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null && "type" in value) return value as Line & Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new ArchiveError(`line ${number} is no CloudEvent in JSON`);
}

/** Fills a store with an archive's lines; the projection is made anew of them. */
class Import {
  private readonly bases = new Map<string, Base>();
  private readonly reading: Reading;
  private part = { records: [] as LogRecord[], requests: [] as StoredRequest[], kept: [] as [string, string][] };
  private begun = false;
  private ended?: number;
  private last = 0;
  public events = 0;

  public constructor(
    private readonly loader: Loader,
    now: number,
  ) {
    const baseOf = async (fleet: string, vm: string) => this.bases.get(keyOf(fleet, vm));
    this.reading = new Reading(loader.logOf, baseOf, now);
  }

  public async take(value: Line & Record<string, unknown>): Promise<void> {
    const kind = value.type.startsWith(PREFIX) ? value.type.slice(PREFIX.length) : "event";
    if (!this.begun) this.begin(kind, value.data);
    else if (kind === "event") this.record(toRecord(value));
    else if (kind === "request") this.part.requests.push(value.data as StoredRequest);
    else if (kind === "base") this.base(value.data as Base);
    else if (kind === "kept") this.keep(value.data as { key: string; value: string });
    else if (kind === "end") this.ended = (value.data as { events: number }).events;
    else throw new ArchiveError(`a line has the unknown type ${value.type}`);
    if (this.part.records.length >= PAGE) await this.flush();
  }

  private begin(kind: string, data: unknown): void {
    const format = (data as { format?: unknown } | undefined)?.format;
    if (kind !== "begin") throw new ArchiveError("this is no archive: its first line does not begin one");
    if (format !== FORMAT) throw new ArchiveError(`the archive's format is ${String(format)}; upgrade the receiver`);
    this.begun = true;
  }

  private record(record: LogRecord): void {
    this.part.records.push(record);
    this.last = record.position;
    this.events += 1;
  }

  private base(base: Base): void {
    this.bases.set(keyOf(base.fleet, base.vm), base);
    this.reading.begin([base.state]);
  }

  private keep({ key, value }: { key: string; value: string }): void {
    this.part.kept.push([key, value]);
  }

  private async flush(more: Partial<Changes> = {}): Promise<void> {
    const changes: Changes = { ...this.part, vms: [], ...more };
    this.part = { records: [], requests: [], kept: [] };
    await this.loader.put(changes);
    // What is there already may be asked for on the way.
    for (const record of changes.records) await this.reading.take(record);
  }

  public async finish(): Promise<void> {
    if (this.ended !== this.events)
      throw new ArchiveError(`the archive is cut short: it has ${this.events} events and ${this.ended ?? "no end"}`);
    await this.flush();
    for (const [key, state] of this.reading.states) {
      const archived = this.bases.get(key);
      // An archive comes back as it was, but for one of before logs were settled now and then.
      const isFar = state.records - (archived?.state.records ?? 0) > FAR;
      const base = (isFar ? this.reading.found.get(key) : undefined) ?? archived;
      await this.flush({ vms: [state], bases: base === undefined ? [] : [base] });
    }
    await this.flush({ folded: { through: this.last, format: FOLD } });
  }
}

/** Puts an archive into a store that has nothing yet, all of it or nothing. How many events it had. */
export async function importLines(store: Store, input: Readable, now: number): Promise<number> {
  let events = 0;
  await store.load(async (loader) => {
    const importing = new Import(loader, now);
    let number = 0;
    for await (const text of linesOf(input)) await importing.take(parse(text, (number += 1)));
    await importing.finish();
    ({ events } = importing);
  });
  return events;
}
