import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";
import { type Changes, type EventQuery, type Store, StoreError, type StoredRequest, type Swap } from "./port";

const keyOf = (fleet: string, vm: string): string => `${fleet}/${vm}`;

/** For tests: nothing of it is durable. */
export class MemoryStore implements Store {
  private readonly records: LogRecord[] = [];
  private readonly vms = new Map<string, VmState>();
  private readonly ids = new Map<string, string>();
  private readonly requests: StoredRequest[] = [];
  private readonly values = new Map<string, string>();

  public async commit(changes: Changes): Promise<void> {
    const last = this.records.length;
    changes.records.forEach((record, index) => {
      const taken = this.ids.has(`${keyOf(record.fleet, record.vm)}/${record.id}`);
      if (record.position !== last + index + 1 || taken)
        throw new StoreError("store_unavailable", `position ${record.position} or id ${record.id} is taken`);
    });
    if (changes.requests.some(({ id }) => this.requests.some((one) => one.id === id)))
      throw new StoreError("store_unavailable", "a request's id is taken");
    for (const record of changes.records) {
      this.records.push(record);
      this.ids.set(`${keyOf(record.fleet, record.vm)}/${record.id}`, record.text);
    }
    for (const state of changes.vms) this.vms.set(keyOf(state.fleet, state.vm), state);
    this.requests.push(...changes.requests);
  }

  public async lastPosition(): Promise<number> {
    return this.records.length;
  }

  public async states(): Promise<readonly VmState[]> {
    return [...this.vms.values()];
  }

  public async events({ after, limit, fleet, vm }: EventQuery): Promise<readonly LogRecord[]> {
    return this.records
      .slice(after)
      .filter((record) => (fleet ?? record.fleet) === record.fleet && (vm ?? record.vm) === record.vm)
      .slice(0, limit);
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
