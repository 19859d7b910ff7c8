import type { Forwarders } from "../forward";
import type { Engine } from "../engine/engine";
import type { Note, Refused, Remark, Ring } from "../intake/notes";
import type { Metrics } from "../ops/metrics";
import type { Asset } from "../ops/page";
import type { Store } from "../store/port";
import type { Readers } from "./access";

/** Everything that the HTTP side is given; it opens and listens to nothing itself. */
export interface AppDeps {
  readonly engine: Engine;
  readonly store: Store;
  /** Another store is another log, of which an agent proved nothing yet. @default - not told */
  readonly storeId?: string;
  readonly metrics: Metrics;
  /** Operator secrets, newest first. */
  readonly secrets: readonly string[];
  readonly now: () => number;
  readonly notes: Ring<Note>;
  readonly refused: Ring<Refused>;
  /** For the log file, of what is in no store. */
  readonly log: (remark: Remark) => void;
  /** An error that nobody expected. */
  readonly report: (error: unknown) => void;
  /** Absent: nothing is forwarded. */
  readonly forwarders?: Pick<Forwarders, "status" | "deadLetters" | "sendAgain">;
  readonly readers: Readers;
  readonly token?: string;
  /** Names by which the receiver may be asked for without a token, beside addresses, localhost and the system's own. */
  readonly hosts: readonly string[];
  /** Whether bodies without a signature are taken as notes. */
  readonly takeNotes: boolean;
  /** Addresses of proxies whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[];
  readonly maxWaits: number;
  readonly maxStreams: number;
  /** Requests a minute of one source; 0: as many as it likes. */
  readonly rate: number;
  /** Of one address. */
  readonly maxStreamsOfOne: number;
  /** The dashboard's files. */
  readonly page: readonly Asset[];
  /** Aborts when the receiver stops: what is held open ends then. */
  readonly stopping: AbortSignal;
}
