// Old records go; what they came to stays, in each VM's base and projection.
import type { LogRecord } from "../domain/log";
import type { Store } from "../store/port";
import type { Engine } from "./engine";
import { keyOf } from "./fleets";

export interface Retention {
  /** @default - records of any age stay */
  readonly days?: number;
  /** How many of the newest stay. @default - any number */
  readonly events?: number;
}

const DAY_MS = 86_400_000;
const PAGE = 500;

/** Lets go what is too old or too much, a VM at a time between other writers' turns. How many records went. */
export async function retain(engine: Engine, store: Store, { days, events }: Retention, now: number): Promise<number> {
  const oldest = days === undefined ? -Infinity : now - days * DAY_MS;
  const kept = events === undefined ? -Infinity : engine.position - events;
  const goes = ({ received, position }: LogRecord): boolean => received < oldest || position <= kept;
  const done = new Set<string>();
  let gone = 0;
  for (let after = 0; ;) {
    const page = (await store.events({ after, limit: PAGE })).filter(goes);
    for (const { fleet, vm } of page) {
      if (done.has(keyOf(fleet, vm))) continue;
      done.add(keyOf(fleet, vm));
      for (let went = -1; went !== 0; gone += went)
        went = await engine.submit((transaction) => transaction.settle(fleet, vm, goes));
    }
    // The log is in the order in which it was received: behind what stays, nothing goes.
    if (page.length < PAGE) return gone;
    after = page.at(-1)?.position ?? Infinity;
  }
}
