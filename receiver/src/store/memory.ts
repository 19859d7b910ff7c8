import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";
import {
  type Base,
  type Changes,
  type Cut,
  type EventName,
  type EventQuery,
  type Folded,
  type Head,
  isNothing,
  type Loader,
  nameOf,
  type News,
  type Store,
  StoreError,
  type StoredRequest,
  type Swap,
  UNFOLDED,
} from "./port";

const keyOf = (fleet: string, vm: string): string => `${fleet}/${vm}`;

/** For tests: nothing of it is durable. */
export class MemoryStore implements Store {
  public readonly shared = false;
  private records: LogRecord[] = [];
  private readonly vms = new Map<string, VmState>();
  private readonly ids = new Map<string, string>();
  private readonly requests: StoredRequest[] = [];
  private readonly values = new Map<string, string>();
  private readonly bases = new Map<string, Base>();
  private last = 0;
  private version = 0;
  private fold = UNFOLDED;

  public async write(since: Head, decide: (news: News) => Promise<Changes>): Promise<Head> {
    const changes = await decide(await this.news(since));
    if (!isNothing(changes)) await this.commit(changes);
    return { position: this.last, version: this.version };
  }

  /** The one writer is its only user, which knows what it wrote. */
  public async news(since: Head): Promise<News> {
    const head = { position: this.last, version: this.version };
    return { head, records: since.position === this.last ? [] : this.after(since.position), vms: [] };
  }

  public async follow(): Promise<void> {
    // There is nobody else.
  }

  public async load(fill: (loader: Loader) => Promise<void>): Promise<void> {
    if (this.last > 0) throw new StoreError("store_unavailable", "the store is not empty");
    const all: Changes[] = [];
    await fill({
      put: async (part) => void all.push(part),
      logOf: async (fleet, vm, after, limit) =>
        all
          .flatMap(({ records }) => records.filter((one) => one.fleet === fleet && one.vm === vm))
          .filter(({ position }) => position > after)
          .slice(0, limit),
    });
    for (const part of all) await this.commit(part);
  }

  public async check(): Promise<readonly string[]> {
    return [];
  }

  public async commit(changes: Changes): Promise<void> {
    this.checkFree(changes);
    for (const record of changes.records) {
      this.records.push(record);
      this.ids.set(nameOf(record), record.text);
      this.last = record.position;
    }
    for (const state of changes.vms) this.vms.set(keyOf(state.fleet, state.vm), state);
    this.fold = changes.folded ?? this.fold;
    for (const request of changes.requests) this.requests.push(request);
    for (const base of changes.bases ?? []) this.bases.set(keyOf(base.fleet, base.vm), base);
    for (const cut of changes.cuts ?? []) this.cut(cut);
    for (const [key, value] of changes.kept ?? []) this.values.set(key, value);
    this.version += 1;
  }

  private checkFree({ records, requests }: Changes): void {
    let { last } = this;
    for (const record of records) {
      if (record.position <= last || this.ids.has(nameOf(record)))
        throw new StoreError("store_unavailable", `position ${record.position} or id ${record.id} is taken`);
      last = record.position;
    }
    if (requests.some(({ id }) => this.requests.some((one) => one.id === id)))
      throw new StoreError("store_unavailable", "a request's id is taken");
  }

  private cut({ fleet, vm, through }: Cut): void {
    const stays = (one: LogRecord): boolean => one.fleet !== fleet || one.vm !== vm || one.position > through;
    for (const gone of this.records.filter((one) => !stays(one))) this.ids.delete(nameOf(gone));
    this.records = this.records.filter(stays);
  }

  public async lastPosition(): Promise<number> {
    return this.last;
  }

  public async base(fleet: string, vm: string): Promise<Base | undefined> {
    return this.bases.get(keyOf(fleet, vm));
  }

  public async states(): Promise<readonly VmState[]> {
    return [...this.vms.values()];
  }

  public async folded(): Promise<Folded> {
    return this.fold;
  }

  public async events({ after, limit, fleet, vm }: EventQuery): Promise<readonly LogRecord[]> {
    return this.after(after)
      .filter((record) => (fleet ?? record.fleet) === record.fleet && (vm ?? record.vm) === record.vm)
      .slice(0, limit);
  }

  private after(position: number): readonly LogRecord[] {
    return this.records.filter((record) => record.position > position);
  }

  public async newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]> {
    return this.records
      .filter((record) => record.fleet === fleet && record.vm === vm)
      .reverse()
      .slice(0, limit);
  }

  public async find(fleet: string, vm: string, id: string): Promise<string | undefined> {
    return this.ids.get(`${keyOf(fleet, vm)}/${id}`);
  }

  public async texts(names: readonly EventName[]): Promise<ReadonlyMap<string, string>> {
    const found = names.flatMap((name) => {
      const text = this.ids.get(nameOf(name));
      return text === undefined ? [] : [[nameOf(name), text] as const];
    });
    return new Map(found);
  }

  public async requestsAfter(ordinal: number, limit: number) {
    return this.requests.slice(ordinal, ordinal + limit).map((one, i) => ({ ...one, ordinal: ordinal + i + 1 }));
  }

  public async request(id: string): Promise<StoredRequest | undefined> {
    return this.requests.find((one) => one.id === id);
  }

  public async newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string) {
    return this.requests
      .filter((one) => one.counts && one.kind === kind && one.fleet === fleet && (vm === undefined || one.vm === vm))
      .at(-1);
  }

  public async kept(prefix: string, limit: number): Promise<ReadonlyMap<string, string>> {
    const found = [...this.values].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(found.slice(0, limit));
  }

  public async swap(key: string, ...[expected, value]: Swap): Promise<boolean> {
    if (this.values.get(key) !== expected) return false;
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
    return true;
  }

  public async close(): Promise<void> {
    // Nothing is open.
  }
}
