// One VM: why it is as it is and what to do, how it came here, what it said.
import { NotFound, getJson } from "./api.js";
import { meaning, remedy } from "./codes.js";
import { byId, fill, h, icon } from "./dom.js";
import { diffWords, runWords, tell, typeOf } from "./event-words.js";
import { commands, conditions, facts, machines } from "./vm-facts.js";
import { age, commit, duration, now, words } from "./words.js";
import { isAttention } from "./fleet.js";
import { trackView } from "./track.js";

/** @typedef {import("./event-words.js").Stored} Stored */
/** @typedef {import("./fleet.js").Vm & { links: Record<string, string>, timeline: Stored[], runs: any[], machines: any[],
 *   conditions: { type: string, status: string, reason: string, message?: string, lastTransitionTime: string }[] }} Detail */

/** @param {Detail} vm */
function head(vm) {
  return h(
    "header.vm-head",
    { "data-phase": vm.phase },
    h("a.back", { href: "#/" }, "← Fleet"),
    h("h1", { tabindex: "-1", "data-focus": "title" }, vm.vm, h("span.fleet-name", {}, vm.fleet)),
    h("p.badge", {}, icon(vm.phase), vm.phase, vm.was !== undefined && ` (was ${vm.was})`, " for ", age(vm.since)),
    vm.acknowledged !== undefined && h("p.none", {}, "looked after since ", age(vm.acknowledged, true)),
  );
}

/** @param {Detail} vm */
function reasonPanel(vm) {
  const known = remedy(vm.reason);
  return h(
    "section.reason",
    { "data-phase": vm.phase, "aria-label": "Why" },
    h("h2", {}, meaning(vm.reason) ?? words(vm.reason)),
    h("p.cause-line", {}, h("code", {}, vm.reason)),
    vm.message !== undefined && h("p.said", {}, vm.message),
    known !== undefined && isAttention(vm.phase) && h("p.remedy", {}, h("b", {}, "Do: "), known),
    vm.impostors !== undefined &&
      h("p.said", {}, `${vm.impostors} × somebody who is not this VM's machine spoke for it; the timeline says who.`),
  );
}

/** @param {any} run */
function runRow(run) {
  const { trigger, mode, changed, duration_s, ended, started, reason, diff_summary } = run;
  const { tone, result } = runWords(run);
  const by = [trigger && words(trigger), mode === "audit" && "audit"].filter(Boolean).join(", ");
  return h(
    "tr",
    { "data-phase": tone, title: run.run_id },
    h("td", {}, age(ended ?? started)),
    h("td", {}, icon(tone), result, tone === "Failed" && reason !== undefined && h("code", {}, ` ${reason}`)),
    h("td", {}, changed ?? "–"),
    h("td", {}, diffWords(diff_summary) ?? "–"),
    h("td", {}, duration_s === undefined ? "–" : duration(duration_s)),
    h("td", {}, h("code", {}, commit(run.applied_sha ?? run.intended_sha))),
    h("td", {}, by || "–"),
  );
}

/** @param {Detail} vm */
function runs(vm) {
  if (vm.runs.length === 0) return h("section", {}, h("h2", {}, "Runs"), h("p.none", {}, "None yet."));
  const columns = ["When", "Outcome", "Changed", "Diff", "Took", "Commit", "By"];
  return h(
    "section",
    {},
    h("h2", { id: "runs" }, "Runs"),
    h(
      "div.scrolls",
      { tabindex: "0", role: "region", "aria-labelledby": "runs" },
      h(
        "table.runs",
        {},
        h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...vm.runs.map(runRow)),
      ),
    ),
  );
}

/** @param {Stored} stored */
function eventView(stored) {
  const { title, tone, lines, tail } = tell(stored);
  return h(
    "li",
    { "data-phase": tone },
    icon(tone),
    h(
      "div.event",
      {},
      h("p.event-title", {}, title, h("span.event-time", {}, age(stored.received, true))),
      ...lines.map((line) => h("p.event-line", {}, line)),
      tail.length > 0 && h("pre.tail", { tabindex: "0" }, tail.join("\n")),
      h(
        "details",
        {},
        h("summary", { "data-focus": `raw ${stored.position}` }, `#${stored.position} ${typeOf(stored)}`),
        h("pre", { tabindex: "0" }, JSON.stringify(stored.event, null, 2)),
      ),
    ),
  );
}

/** @param {Detail} vm */
function timeline(vm) {
  const newest = [...vm.timeline].reverse();
  return h(
    "section",
    {},
    h("h2", { id: "timeline" }, "Timeline"),
    h("ol.timeline", { "aria-labelledby": "timeline" }, ...newest.map(eventView)),
    h(
      "p.none",
      {},
      "Newest first, heartbeats but the last left out. All of it: ",
      h("a", { href: vm.links["events"] }, "raw events"),
      ".",
    ),
  );
}

/** @param {Detail} vm */
function page(vm) {
  return [
    head(vm),
    reasonPanel(vm),
    trackView(vm),
    h(
      "div.columns",
      {},
      h("div.stack", {}, runs(vm), timeline(vm)),
      h("div.stack", {}, commands(vm), facts(vm), conditions(vm), machines(vm)),
    ),
  ];
}

/** A newer agent may say what this page does not expect: then there is still what it said. @param {Detail} vm */
function shown(vm) {
  try {
    return page(vm);
  } catch (error) {
    return [
      head(vm),
      reasonPanel(vm),
      h("p.said", {}, String(error)),
      h("a", { href: vm.links["events"] }, "raw events"),
    ];
  }
}

const LEAST_MS = 500;

export class VmPage {
  /** @type {{ fleet: string, vm: string } | undefined} */
  #of;
  #asked = 0;
  #waiting = false;
  /** @param {(error: unknown) => void} onError */
  constructor(onError) {
    this.onError = onError;
  }

  /** @param {{ fleet: string, vm: string } | undefined} of */
  async open(of) {
    this.#of = of;
    if (of === undefined) return;
    fill(byId("vm"), of, () => [h("p.none", {}, `${of.vm} …`)]);
    await this.#load(of);
    byId("vm").querySelector("h1")?.focus({ preventScroll: true });
  }

  /** Something changed: asks again, not more often than twice a second. @param {readonly { fleet: string, vm: string }[]} changed */
  changed(changed) {
    const of = this.#of;
    if (of === undefined || this.#waiting || !changed.some(({ fleet, vm }) => fleet === of.fleet && vm === of.vm))
      return;
    this.#waiting = true;
    setTimeout(
      () => {
        this.#waiting = false;
        if (this.#of === of) void this.#load(of);
      },
      Math.max(0, this.#asked + LEAST_MS - now()),
    );
  }

  /** @param {{ fleet: string, vm: string }} of */
  async #load(of) {
    this.#asked = now();
    try {
      const vm = await getJson(`/status/${encodeURIComponent(of.vm)}?fleet=${encodeURIComponent(of.fleet)}`);
      if (this.#of !== of) return;
      // Ages are kept right by the clock; without them nothing may have changed.
      fill(byId("vm"), { ...vm, age_s: 0 }, () => shown(vm));
      document.title = `${vm.vm}: ${vm.phase} – Nexus Pull`;
    } catch (error) {
      if (error instanceof NotFound)
        fill(byId("vm"), "unknown", () => [
          h("a.back", { href: "#/" }, "← Fleet"),
          h("h1", { tabindex: "-1" }, `${of.fleet}/${of.vm} is unknown`),
        ]);
      else this.onError(error);
    }
  }
}
