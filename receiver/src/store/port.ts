import type { LogRecord } from "../domain/log";
import type { VmState } from "../domain/state";

/** An operator's request that was accepted; its id is used up. */
export interface StoredRequest {
  readonly id: string;
  readonly kind: "roster" | "release" | "retire" | "acknowledge" | "trust" | "resend";
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

/** The beginning of a VM's log, folded for good: nothing that comes is put in its place before its end. */
export interface Base {
  readonly fleet: string;
  readonly vm: string;
  /** The last position that is in it. */
  readonly through: number;
  readonly state: VmState;
}

/** The beginning of a VM's log goes; its base has it. */
export interface Cut {
  readonly fleet: string;
  readonly vm: string;
  /** The last position that goes. */
  readonly through: number;
}

/** How far the states that are kept beside the log are what the log comes to. */
export interface Folded {
  /** Each VM's state has all of its records up to this position; it may have more: its own `last` says. */
  readonly through: number;
  /** The fold that they came of; 0: none. */
  readonly format: number;
}

/** What becomes durable together, or not at all. */
export interface Changes {
  readonly records: readonly LogRecord[];
  /** States that are kept; of other VMs what is kept is older, and the log behind it tells the rest. */
  readonly vms: readonly VmState[];
  /** @default - as far as before */
  readonly folded?: Folded;
  readonly requests: readonly StoredRequest[];
  /** Each takes the place of the one before it. @default - none */
  readonly bases?: readonly Base[];
  /** @default - no record goes */
  readonly cuts?: readonly Cut[];
  /** Values that are kept beside the log; their keys are new. @default - none */
  readonly kept?: readonly (readonly [key: string, value: string])[];
}

/** How far somebody knows the store: its last position, and a number that grows with each commit. */
export interface Head {
  readonly position: number;
  readonly version: number;
}

/** What was committed behind a head, and the new head. */
export interface News {
  readonly head: Head;
  readonly records: readonly LogRecord[];
  /** The states that were kept anew; they may be newer than the head, never older. */
  readonly vms: readonly VmState[];
  /** True when it was too much: then these are the newest records only. */
  readonly cut?: true;
}

export interface EventName {
  readonly fleet: string;
  readonly vm: string;
  readonly id: string;
}

export interface EventQuery {
  /** Only behind this position. */
  readonly after: number;
  readonly limit: number;
  readonly fleet?: string;
  readonly vm?: string;
}

export interface Loader {
  put(changes: Changes): Promise<void>;
  /** A VM's records that were put, behind a position, oldest first. */
  logOf(fleet: string, vm: string, after: number, limit: number): Promise<readonly LogRecord[]>;
}

/** From what is expected to what is wanted; at least one of the two is something. */
export type Swap =
  readonly [expected: string | undefined, value: string] | readonly [expected: string, value: undefined];

/** Where the log lives. One contract suite holds every implementation to this. */
export interface Store {
  /** Whether others may write to it as well. */
  readonly shared: boolean;
  /**
   * Waits for its turn to write, hands over what others committed behind `since`, and commits what is decided; nobody
   * else's commit comes in between. When it resolves, all of it is on stable storage. When it rejects, nothing may be
   * acknowledged; where the answer to the commit was lost, it may be there all the same, and is news to the next turn.
   */
  write(since: Head, decide: (news: News) => Promise<Changes>): Promise<Head>;
  /** What was committed behind `since`, all of it. */
  news(since: Head): Promise<News>;
  /** Calls whenever somebody else may have committed; until the store is closed. */
  follow(listener: () => void): Promise<void>;
  /** Puts everything that `fill` gives into a store that has nothing yet, or, if it rejects, none of it. */
  load(fill: (loader: Loader) => Promise<void>): Promise<void>;
  /** What is wrong with it, by its own means; nothing is nothing. */
  check(): Promise<readonly string[]>;
  lastPosition(): Promise<number>;
  /** The states that are kept, one a VM, each as of its own `last`; `engine/projection` brings them forward. */
  states(): Promise<readonly VmState[]>;
  folded(): Promise<Folded>;
  /** What the beginning of a VM's log came to; undefined as long as it is short. */
  base(fleet: string, vm: string): Promise<Base | undefined>;
  /** Every accepted request, oldest first, page by page. */
  requestsAfter(ordinal: number, limit: number): Promise<readonly (StoredRequest & { readonly ordinal: number })[]>;
  /** Oldest first. */
  events(query: EventQuery): Promise<readonly LogRecord[]>;
  /** The newest of a VM, newest first. */
  newest(fleet: string, vm: string, limit: number): Promise<readonly LogRecord[]>;
  /** Text of the event with this id, which is unique within a VM. */
  find(fleet: string, vm: string, id: string): Promise<string | undefined>;
  /** The texts of those that are stored, under `<fleet>/<vm>/<id>`. */
  texts(names: readonly EventName[]): Promise<ReadonlyMap<string, string>>;
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

export const NOWHERE: Head = { position: 0, version: 0 };

export const nameOf = ({ fleet, vm, id }: EventName): string => `${fleet}/${vm}/${id}`;

export function isNothing({ folded, ...lists }: Changes): boolean {
  return folded === undefined && Object.values(lists).every((list) => list.length === 0);
}

/** Of a store that keeps no state yet. */
export const UNFOLDED: Folded = { through: 0, format: 0 };

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

/** What is there is no store, or not all of one. Trying again mends nothing. */
export class DamagedError extends StoreError {
  public constructor(message: string, options?: ErrorOptions) {
    super("store_unavailable", message, options);
    this.name = "DamagedError";
  }
}
