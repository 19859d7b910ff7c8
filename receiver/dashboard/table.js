// The list of VMs: only the rows that can be seen exist. The window scrolls, not a box in it, so a phone has one way down.
import { h, icon } from "./dom.js";
import { SORTS, isAttention } from "./fleet.js";
import { age, commit, count, duration, words } from "./words.js";
import { vmAddress } from "./overview.js";

/** @typedef {import("./fleet.js").Entry} Entry */
/** @typedef {import("./fleet.js").Vm} Vm */

const AROUND = 12;
/** Column, the order that its head gives, what it holds. */
const COLUMNS = [
  { name: "Phase", sort: "urgency" },
  { name: "VM", sort: "name" },
  { name: "Why", sort: undefined },
  { name: "Last run", sort: "duration" },
  { name: "Commit", sort: "commit" },
  { name: "For", sort: "since" },
  { name: "Heard", sort: "heard" },
];

/** @param {Vm} vm */
function why({ phase, was, reason, message }) {
  const tells = isAttention(phase) || message !== undefined;
  const head = phase === "Configured" || !tells ? "" : words(reason);
  const before = was === undefined ? "" : ` (was ${was})`;
  return h(
    "span.cell.why",
    { role: "cell", title: message },
    h("b", {}, head + before),
    message !== undefined && ` ${message}`,
  );
}

/** @param {Vm} vm */
function run({ phase, last_run }) {
  const { outcome, changed = 0, duration_s } = last_run ?? {};
  const took = duration_s === undefined ? "" : ` · ${duration(duration_s)}`;
  const what = outcome?.startsWith("changed")
    ? `${changed} changed`
    : (outcome ?? (last_run && phase === "Configuring" ? "running" : "–"));
  return h("span.cell.run", { role: "cell", "data-outcome": outcome }, what + took);
}

/** @param {Vm} vm */
function sha({ applied_sha, intended_sha }) {
  const behind = intended_sha !== undefined && applied_sha !== undefined && intended_sha !== applied_sha;
  const title = behind ? `applied ${applied_sha}, intended ${intended_sha}` : applied_sha;
  return h(
    "span.cell.sha",
    { role: "cell", title },
    h("code", {}, commit(applied_sha)),
    behind && ` → ${commit(intended_sha)}`,
  );
}

/** @param {Entry} entry */
function rowOf({ vm }) {
  return h(
    "div.row",
    { role: "row", "data-phase": vm.phase },
    h("span.cell.phase-cell", { role: "cell" }, icon(vm.phase), vm.phase),
    h("span.cell.name", { role: "cell" }, h("a", { href: vmAddress(vm) }, vm.vm), h("span.fleet-name", {}, vm.fleet)),
    why(vm),
    run(vm),
    sha(vm),
    h("span.cell.since", { role: "cell" }, age(vm.since)),
    h("span.cell.heard", { role: "cell" }, age(vm.last_heard)),
  );
}

export class Table {
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Map<string, { element: HTMLElement, entry: Entry, index: number }>} */
  #rows = new Map();
  #body = h("div.rows", { role: "rowgroup" });
  #head;
  #table;
  #painting = false;
  #noVm = false;
  #onClear;

  /**
   * @param {HTMLElement} place
   * @param {(sort: string) => void} onSort
   * @param {() => void} onClear
   */
  constructor(place, onSort, onClear) {
    this.#onClear = onClear;
    this.#head = COLUMNS.map(({ name, sort }) =>
      h(
        "span.cell",
        { role: "columnheader" },
        sort === undefined
          ? name
          : h("button", { type: "button", title: SORTS[sort]?.label, click: () => onSort(sort) }, name),
      ),
    );
    this.#table = h(
      "div.table",
      { role: "table", "aria-labelledby": "vms-title" },
      h("div", { role: "rowgroup" }, h("div.row.head", { role: "row", "aria-rowindex": 1 }, ...this.#head)),
      this.#body,
    );
    place.append(this.#table);
    const later = () => this.#later();
    window.addEventListener("scroll", later, { passive: true });
    window.addEventListener("resize", later, { passive: true });
    this.#body.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /**
   * @param {Entry[]} entries
   * @param {string} sort
   * @param {boolean} noVm that there is none, whatever is asked for
   */
  show(entries, sort, noVm) {
    this.#entries = entries;
    this.#noVm = noVm;
    this.#table.setAttribute("aria-rowcount", String(entries.length + 1));
    COLUMNS.forEach((column, index) => {
      const up = ["name", "commit", "urgency"].includes(sort) ? "ascending" : "descending";
      this.#head[index]?.setAttribute("aria-sort", column.sort === sort ? up : "none");
    });
    this.paint();
  }

  #later() {
    if (this.#painting) return;
    this.#painting = true;
    requestAnimationFrame(() => {
      this.#painting = false;
      this.paint();
    });
  }

  get #height() {
    return Number.parseFloat(getComputedStyle(this.#table).getPropertyValue("--row")) || 44;
  }

  paint() {
    const height = this.#height;
    this.#body.style.height = `${Math.max(1, this.#entries.length) * height}px`;
    if (this.#body.offsetParent === null) return;
    const top = -this.#body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - AROUND);
    // The first are there even when the list is below what is seen: who listens comes to them without scrolling.
    const end = Math.max(first + 2 * AROUND, Math.ceil((top + window.innerHeight) / height) + AROUND);
    const last = Math.min(this.#entries.length, end);
    this.#keep(new Set(this.#entries.slice(first, last).map(({ key }) => key)));
    for (let index = first; index < last; index += 1) this.#put(index, height);
    this.#nothing();
  }

  /** @param {Set<string>} keys */
  #keep(keys) {
    for (const [key, { element }] of this.#rows) {
      // A row that has the focus stays, wherever it went: its keys would go nowhere.
      if (keys.has(key) || element.contains(document.activeElement)) continue;
      element.remove();
      this.#rows.delete(key);
    }
  }

  /** @param {number} index @param {number} height */
  #put(index, height) {
    const entry = /** @type {Entry} */ (this.#entries[index]);
    const known = this.#rows.get(entry.key);
    if (known?.entry === entry && known.index === index) return;
    let element = known?.element;
    if (element === undefined || known?.entry !== entry) {
      const made = rowOf(entry);
      const focused = element?.contains(document.activeElement);
      if (element === undefined) this.#body.append(made);
      else element.replaceWith(made);
      if (focused) made.querySelector("a")?.focus({ preventScroll: true });
      element = made;
    }
    element.style.transform = `translateY(${index * height}px)`;
    element.setAttribute("aria-rowindex", String(index + 2));
    this.#rows.set(entry.key, { element, entry, index });
  }

  #nothing() {
    const line = this.#body.querySelector(".nothing");
    const why = this.#noVm ? "no-vm" : "no-fit";
    if (this.#entries.length === 0 && line?.getAttribute("data-why") === why) return;
    line?.remove();
    if (this.#entries.length > 0) return;
    const clear = h("button.quiet", { type: "button", click: this.#onClear }, "Clear the filter");
    const said = this.#noVm ? ["No VM has reported yet."] : ["No VM fits the filter. ", clear];
    this.#body.append(
      h("div.row.nothing", { role: "row", "data-why": why }, h("span.cell", { role: "cell" }, ...said)),
    );
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    const from = [...this.#rows.values()].find(({ element }) => element.contains(document.activeElement));
    if (step === undefined || from === undefined) return;
    event.preventDefault();
    this.#focus(Math.min(this.#entries.length - 1, Math.max(0, from.index + step)));
  }

  /** @param {number} index */
  #focus(index) {
    const height = this.#height;
    const top = this.#body.getBoundingClientRect().top + index * height;
    if (top < 160 || top > window.innerHeight - 2 * height) window.scrollBy(0, top - window.innerHeight / 2);
    this.paint();
    this.#rows
      .get(this.#entries[index]?.key ?? "")
      ?.element.querySelector("a")
      ?.focus({ preventScroll: true });
  }
}

/** @param {number} found @param {number} all */
export const found = (found, all) =>
  found === all ? count(all, "VM") : `${found.toLocaleString("en")} of ${count(all, "VM")}`;
