import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";

/** An operator's request that was accepted; its id is used up. */
export interface StoredRequest {
  readonly id: string;
  readonly kind: "roster" | "release" | "retire" | "acknowledge" | "resend";
  /** Of a resend, which is of no fleet, the forwarder's name. */
  readonly fleet: string;
  /** Of what is about one VM. */
  readonly vm?: string;
  /** sha256 of the body. */
  readonly digest: string;
  /** What was answered, to be answered again. */
  readonly answer: string;
  /** Whether it became the newest of its kind; an end of a roster that is not the newest did not. */
  readonly counts: boolean;
}

/** What becomes durable together, or not at all. */
export interface Changes {
  readonly records: readonly LogRecord[];
  readonly vms: readonly VmState[];
  readonly requests: readonly StoredRequest[];
}

export interface EventQuery {
  /** Only behind this position. */
  readonly after: number;
  readonly limit: number;
  readonly fleet?: string;
  readonly vm?: string;
}

/** From what is expected to what is wanted; at least one of the two is something. */
export type Swap =
  readonly [expected: string | undefined, value: string] | readonly [expected: string, value: undefined];

/** Where the log lives. One contract suite holds every implementation to this. */
export interface Store {
  /** When it resolves, all of it is on stable storage; when it rejects, none of it is in the store. */
  commit(changes: Changes): Promise<void>;
  lastPosition(): Promise<number>;
  /** The states of the last commit, one a VM. */
  states(): Promise<readonly VmState[]>;
  /** Oldest first. */
  events(query: EventQuery): Promise<readonly LogRecord[]>;
  /** The newest of a VM, newest first. */
  newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]>;
  /** Text of the event with this id, which is unique within a VM. */
  find(fleet: string, vm: string, id: string): Promise<string | undefined>;
  request(id: string): Promise<StoredRequest | undefined>;
  /** The newest request that counts: of a fleet's rosters, or of a VM's releases. */
  newestRequest(kind: StoredRequest["kind"], fleet: string, vm?: string): Promise<StoredRequest | undefined>;
  /** What is kept beside the log under keys that begin so, in the keys' order. At most `limit` of them. */
  kept(prefix: string, limit: number): Promise<ReadonlyMap<string, string>>;
  /**
   * Keeps a value, or with undefined forgets it, if what is kept is still `expected` (undefined: nothing). True once the
   * change is on stable storage, false when another was faster. For checkpoints and leases: several receivers may share a store.
   */
  swap(key: string, ...change: Swap): Promise<boolean>;
  close(): Promise<void>;
}

/** The store cannot take more; what was asked for did not happen. */
export class StoreError extends Error {
  public constructor(
    public readonly code: "store_full" | "store_unavailable",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "StoreError";
  }
}
