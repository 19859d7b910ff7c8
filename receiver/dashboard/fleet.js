// What is known of every VM, and questions to it. No element of the page in here.

/**
 * @typedef {{ run_id: string, outcome?: string, changed?: number, duration_s?: number, started?: string, ended?: string }} LastRun
 * @typedef {{ fleet: string, vm: string, phase: string, was?: string, reason: string, message?: string, since: string,
 *   last_heard?: string, announced: boolean, ref?: string, intended_sha?: string, applied_sha?: string, outcome?: string,
 *   last_run?: LastRun, addresses?: string[], instance_id?: string, impostors?: number, acknowledged?: string }} Vm
 * @typedef {{ key: string, vm: Vm, hay: string, name: string, rank: number, since: number, heard: number }} Entry
 * @typedef {{ q: string, phases: string[], reason: string, fleet: string, sort: string }} Query
 * @typedef {{ at: string, remote: string, text: string }} Note
 * @typedef {{ at: string, remote: string, code: string, detail: string }} Refused
 * @typedef {{ at: string, summary: { total: number, phases: Record<string, number> }, vms: Vm[], reset?: boolean,
 *   more?: boolean, notes?: Note[], refused?: Refused[] }} Frame
 */

/** The worst first; so are they shown. */
export const PHASES = [
  "Failed",
  "Overdue",
  "Drifted",
  "Stale",
  "Expected",
  "Booted",
  "Bootstrapping",
  "Configuring",
  "Configured",
  "Retired",
];
export const ATTENTION = PHASES.slice(0, 4);
export const UNDERWAY = PHASES.slice(4, 8);

/** @param {string} phase */
export const isAttention = (phase) => ATTENTION.includes(phase);

/** @param {{ fleet: string, vm: string }} of */
export const keyOf = ({ fleet, vm }) => `${fleet}/${vm}`;

/** web-2 before web-10, without asking a collator ten thousand times. */
const natural = (/** @type {string} */ text) =>
  text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(10, "0"));

/**
 * @param {Vm} vm
 * @returns {Entry}
 */
function entryOf(vm) {
  const { phase, reason, message, applied_sha, intended_sha, ref, addresses = [], instance_id, outcome } = vm;
  const told = [keyOf(vm), phase, reason, message, applied_sha, intended_sha, ref, ...addresses, instance_id, outcome];
  return {
    key: keyOf(vm),
    vm,
    hay: told.join("\n").toLowerCase(),
    name: natural(keyOf(vm)),
    rank: PHASES.indexOf(phase),
    since: Date.parse(vm.since),
    heard: vm.last_heard === undefined ? 0 : Date.parse(vm.last_heard),
  };
}

/** @type {(a: Entry, b: Entry) => number} */
const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** @type {Record<string, { label: string, compare: (a: Entry, b: Entry) => number }>} */
export const SORTS = {
  urgency: { label: "Most urgent first", compare: (a, b) => a.rank - b.rank || b.since - a.since || byName(a, b) },
  name: { label: "By name", compare: byName },
  since: { label: "Newest change first", compare: (a, b) => b.since - a.since || byName(a, b) },
  heard: { label: "Longest silent first", compare: (a, b) => a.heard - b.heard || byName(a, b) },
  commit: {
    label: "By commit",
    compare: (a, b) => (a.vm.applied_sha ?? "").localeCompare(b.vm.applied_sha ?? "") || byName(a, b),
  },
  duration: {
    label: "Longest run first",
    compare: (a, b) => (b.vm.last_run?.duration_s ?? -1) - (a.vm.last_run?.duration_s ?? -1) || byName(a, b),
  },
};

/** @param {{ entries: Entry[] }} cause */
const taken = ({ entries }) => Number(entries.every(({ vm }) => vm.acknowledged !== undefined));

export class Fleet {
  /** @type {Map<string, Entry>} */
  entries = new Map();
  /** @type {Map<string, Entry> | undefined} */
  #coming;
  /** @type {Frame["summary"]} */
  summary = { total: 0, phases: {} };
  /** @type {Note[]} */
  notes = [];
  /** @type {Refused[]} */
  refused = [];
  /** Whether every VM was sent. */
  complete = false;
  version = 0;

  /** @param {Frame} frame */
  take(frame) {
    if (frame.reset) this.#coming = new Map();
    const target = this.#coming ?? this.entries;
    for (const vm of frame.vms) target.set(keyOf(vm), entryOf(vm));
    // What was there stays on the page until all that replaces it is there, unless there was nothing.
    if (this.#coming !== undefined && (!frame.more || this.entries.size === 0 || !this.complete))
      this.entries = this.#coming;
    if (!frame.more) {
      this.#coming = undefined;
      this.complete = true;
    }
    this.summary = frame.summary;
    this.notes = frame.notes ?? this.notes;
    this.refused = frame.refused ?? this.refused;
    this.version += 1;
  }

  /** Of which version the names are that VMs of several fleets have. */
  #sharedOf = -1;
  /** @type {Set<string>} */
  #shared = new Set();

  /** A VM's name, with its fleet where another fleet has a VM of that name. @param {{ fleet: string, vm: string }} of */
  nameOf(of) {
    if (this.#sharedOf !== this.version) {
      this.#sharedOf = this.version;
      const seen = new Set();
      this.#shared = new Set();
      for (const { vm } of this.entries.values()) {
        if (seen.has(vm.vm)) this.#shared.add(vm.vm);
        seen.add(vm.vm);
      }
    }
    return this.#shared.has(of.vm) ? keyOf(of) : of.vm;
  }

  /** @returns {string[]} */
  fleets() {
    return [...new Set([...this.entries.values()].map(({ vm }) => vm.fleet))].sort();
  }

  /**
   * @param {Query} query
   * @returns {Entry[]}
   */
  find({ q, phases, reason, fleet, sort }) {
    const parts = q.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.entries.values()].filter(
      ({ vm, hay }) =>
        (phases.length === 0 || phases.includes(vm.phase)) &&
        (reason === "" || (vm.reason === reason && isAttention(vm.phase))) &&
        (fleet === "" || vm.fleet === fleet) &&
        parts.every((part) => hay.includes(part)),
    );
    return found.sort((SORTS[sort] ?? SORTS["urgency"])?.compare);
  }

  /** Those that need somebody, one group for each reason, the largest of the worst first. */
  causes() {
    /** @type {Map<string, { reason: string, rank: number, newest: number, entries: Entry[] }>} */
    const causes = new Map();
    for (const entry of this.entries.values()) {
      const { vm, rank, since } = entry;
      if (!isAttention(vm.phase)) continue;
      const known = causes.get(vm.reason) ?? { reason: vm.reason, rank, newest: since, entries: [] };
      known.entries.push(entry);
      known.rank = Math.min(known.rank, rank);
      known.newest = Math.max(known.newest, since);
      causes.set(vm.reason, known);
    }
    const all = [...causes.values()];
    for (const { entries } of all) entries.sort((a, b) => b.since - a.since || byName(a, b));
    // What somebody looks after already comes last.
    return all.sort(
      (a, b) => taken(a) - taken(b) || a.rank - b.rank || b.entries.length - a.entries.length || b.newest - a.newest,
    );
  }
}
