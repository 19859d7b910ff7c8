// Everything a handler works with, passed in.
import type { Clock } from "./clock";
import type { Cluster } from "./cluster";
import type { Durations, Tasks } from "./tasks";
import type { Faults } from "./faults";
import type { VmLocks } from "./locks";
import type { Tickets } from "./auth";
import type { Web } from "./web";

/** Waiting times of Proxmox, in milliseconds. */
export interface Times {
  /** A 401 is held back for that long. */
  readonly unauthorized: number;
  /** A VM's lock is waited for. */
  readonly lock: number;
  /** The same for a clone of a running source. */
  readonly runningSourceLock: number;
  /** The guest agent is asked. */
  readonly agent: number;
  /** pvestatd writes down the VMs' figures. 0: at each question. */
  readonly stats: number;
  /** One second of a `timeout` parameter. */
  readonly second: number;
  /** How long each type of task works; `*` for the others. */
  readonly tasks: Durations;
}

/** As a real node answers. */
export const REAL_TIMES: Times = {
  unauthorized: 3_000,
  lock: 10_000,
  runningSourceLock: 1_000,
  agent: 3_000,
  stats: 10_000,
  second: 1_000,
  tasks: { "*": 500, qmclone: 4_000, qmigrate: 8_000, qmstart: 1_000 },
};

/** For tests: the same order of things, in no time. */
export const FAST_TIMES: Times = {
  unauthorized: 20,
  lock: 400,
  runningSourceLock: 100,
  agent: 50,
  stats: 0,
  second: 20,
  tasks: { "*": 5, qmclone: 100, qmigrate: 50, qmstart: 20 },
};

/** The state and what works on it. */
export interface World {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly times: Times;
  readonly tasks: Tasks;
  readonly locks: VmLocks;
  readonly faults: Faults;
  readonly tickets: Tickets;
  readonly web: Web;
}
