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

const CONFIRMED = "retention/asked";
/** Between the two times that a clock must agree with itself: one that is wrong at a start is seldom so a day later. */
const AT_LEAST_MS = DAY_MS;
const AT_MOST_MS = 3 * DAY_MS;

/** When it was asked before, if that agrees with what the clock says now. A clock that jumped begins anew. */
async function confirmedAt(store: Store, now: number): Promise<number | undefined> {
  const text = (await store.kept(CONFIRMED, 1)).get(CONFIRMED);
  const before = text === undefined ? undefined : Number(text);
  const passed = before === undefined ? Infinity : now - before;
  if (passed >= 0 && passed < AT_LEAST_MS) return undefined;
  await store.swap(CONFIRMED, text, String(now));
  return passed >= AT_LEAST_MS && passed <= AT_MOST_MS ? before : undefined;
}

/**
 * As `retain`, but by age only what was too old a day ago as well: a clock that is far ahead at one start empties no log. By
 * count at once, as that asks no clock.
 */
export async function retainConfirmed(engine: Engine, store: Store, what: Retention, now: number): Promise<number> {
  const byCount = what.events === undefined ? 0 : await retain(engine, store, { events: what.events }, now);
  if (what.days === undefined) return byCount;
  const confirmed = await confirmedAt(store, now);
  return confirmed === undefined ? byCount : byCount + (await retain(engine, store, { days: what.days }, confirmed));
}

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
