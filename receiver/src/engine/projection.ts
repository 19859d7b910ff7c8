// Every VM's state, as of the last commit. In the store a state is kept now and then only: written with each event, it would
// be most of what a commit writes. What the kept one lacks is behind it in the log.
import type { Phase } from "@nexus-pull/contract";
import { advance } from "../domain/project";
import { FOLD, type VmState } from "../domain/state";
import type { Base, Changes, News, Store } from "../store/port";
import { Fleets, keyOf } from "./fleets";
import { type LogOf, Reading } from "./reading";

/** So many records are read in a part of a second, when a receiver starts. */
const BEHIND_AT_MOST = 20_000;
const PAGE = 500;

/** News that was understood. */
export interface Told {
  /** Of its VM after each record; undefined where only the whole store told. */
  readonly phases?: readonly Phase[];
  readonly take: () => void;
  /** Bases that the store does not have. */
  readonly found?: readonly Base[];
}

interface Read {
  readonly reading: Reading;
  /** Whether the kept states are of this fold. */
  readonly current: boolean;
}

/** What is left of the VMs whose records went, or went in part. */
async function basesOf(store: Store, names: readonly VmState[]): Promise<readonly VmState[]> {
  const bases = await Promise.all(names.map(({ fleet, vm }) => store.base(fleet, vm)));
  return bases.flatMap((base) => base?.state ?? []);
}

const byKey = (state: VmState) => [keyOf(state.fleet, state.vm), state] as const;

async function read(store: Store, now: number): Promise<Read> {
  const folded = await store.folded();
  const current = folded.format === FOLD;
  const kept = await store.states();
  const logOf: LogOf = (fleet, vm, after, limit) => store.events({ after, limit, fleet, vm });
  const reading = new Reading(logOf, (fleet, vm) => store.base(fleet, vm), now);
  reading.begin(current ? kept : await basesOf(store, kept));
  // Whatever is kept of another fold is to be replaced.
  if (!current) for (const { fleet, vm } of kept) reading.lacks.set(keyOf(fleet, vm), 1);
  for (let after = current ? folded.through : 0; ;) {
    const page = await store.events({ after, limit: PAGE });
    for (const record of page) await reading.take(record);
    if (page.length < PAGE) return { reading, current };
    after = page.at(-1)?.position ?? Infinity;
  }
}

/** The states that a store's log comes to. `now`: for gaps in it that were waited for long enough. */
export async function readStates(store: Store, now: number): Promise<readonly VmState[]> {
  return [...(await read(store, now)).reading.states.values()];
}

export class Projection {
  public readonly fleets = new Fleets();
  private readonly lacks = new Map<string, number>();
  private current = true;

  public constructor(
    private readonly store: Store,
    private readonly now: () => number,
    private readonly behindAtMost = BEHIND_AT_MOST,
  ) {}

  /** Looks at the whole store. What is returned takes it over, whatever was known before. */
  public async read(): Promise<Told> {
    const { reading, current } = await read(this.store, this.now());
    const { states, lacks, found } = reading;
    const take = (): void => {
      this.fleets.put(states);
      this.lacks.clear();
      for (const [key, position] of lacks) this.lacks.set(key, position);
      this.current = current;
    };
    return { take, found: [...found.values()] };
  }

  /** Folds what others committed. What is returned takes it over; undefined when only the whole store tells. */
  public told({ records, vms, cut }: News): Told | undefined {
    if (cut) return undefined;
    const changed = new Map(vms.map(byKey));
    const phases: Phase[] = [];
    for (const record of records) {
      const key = keyOf(record.fleet, record.vm);
      const before = changed.get(key) ?? this.fleets.byKey(key);
      // A kept state may have this record already, with later ones.
      const next = before !== undefined && record.position <= before.last ? before : advance(before, record);
      if (next === undefined) return undefined;
      if (next !== before) changed.set(key, next);
      phases.push(next.phase);
    }
    return { phases, take: () => this.take(changed, { records, vms }) };
  }

  /** What was committed, and the states that it came to. */
  public take(changed: ReadonlyMap<string, VmState>, { records, vms, folded }: Omit<Changes, "requests">): void {
    this.current ||= folded?.format === FOLD;
    const kept = new Map(vms.map(byKey));
    for (const key of kept.keys()) this.lacks.delete(key);
    // None of them lacks what was before these.
    const [{ position } = { position: 0 }] = records;
    for (const [key, { last }] of changed)
      if (last > (kept.get(key)?.last ?? 0) && !this.lacks.has(key)) this.lacks.set(key, position);
    this.fleets.put(changed);
  }

  /** The same changes, with the states that the store has lacked for long enough. `last`: the position before them. */
  public withDue(changes: Changes, changed: ReadonlyMap<string, VmState>, last: number): Changes {
    const { records, vms } = changes;
    const kept = new Map(vms.map(byKey));
    const oldest = (records.at(-1)?.position ?? last) - this.behindAtMost;
    // At least as many as a commit can add, so that it never grows.
    const most = kept.size + PAGE + records.length;
    let through = last;
    for (const [key, lacks] of this.lacks) {
      const isDue = (!this.current || lacks <= oldest) && kept.size < most;
      const state = isDue ? (changed.get(key) ?? this.fleets.byKey(key)) : undefined;
      if (state !== undefined) kept.set(key, state);
      else if (!kept.has(key)) {
        through = lacks - 1;
        break;
      }
    }
    const all = { ...changes, vms: [...kept.values()] };
    // Before each of another fold is replaced, they are all of none.
    const isTold = this.current ? kept.size > vms.length : through === last;
    return isTold ? { ...all, folded: { through, format: FOLD } } : all;
  }
}
