// The fleet at a glance: what is wrong and why, how many are in which phase, what changed lately.
import { commandView } from "./command.js";
import { h, icon, fill, byId } from "./dom.js";
import { ATTENTION, PHASES, UNDERWAY, keyOf } from "./fleet.js";
import { age, count, words } from "./words.js";
import { meaning, remedy } from "./codes.js";

/** @typedef {import("./fleet.js").Fleet} Fleet */
/** @typedef {import("./fleet.js").Query} Query */
/** @typedef {import("./fleet.js").Entry} Entry */

const NAMED = 6;
const CAUSES = 12;

/** @param {Fleet} fleet @param {readonly string[]} phases */
const inPhases = ({ summary }, phases) => phases.reduce((sum, phase) => sum + (summary.phases[phase] ?? 0), 0);

/** @param {{ fleet: string, vm: string }} of */
export const vmAddress = ({ fleet, vm }) => `#/vms/${encodeURIComponent(fleet)}/${encodeURIComponent(vm)}`;

/** @param {Fleet} fleet */
function sentence(fleet) {
  const { total } = fleet.summary;
  const bad = inPhases(fleet, ATTENTION);
  const busy = inPhases(fleet, UNDERWAY);
  const live = total - (fleet.summary.phases["Retired"] ?? 0);
  if (total === 0) return { tone: "quiet", title: "No VM has been heard of yet", more: "" };
  const more = [
    `${count(live, "VM")} in all`,
    `${(fleet.summary.phases["Configured"] ?? 0).toLocaleString("en")} configured`,
    busy > 0 ? `${busy.toLocaleString("en")} under way` : "",
  ].filter(Boolean);
  if (bad > 0) return { tone: "bad", title: `${count(bad, "VM needs", "VMs need")} attention`, more: more.join(" · ") };
  if (busy > 0) return { tone: "busy", title: `${count(busy, "VM is", "VMs are")} under way`, more: more.join(" · ") };
  return { tone: "good", title: "Everything is configured", more: more.join(" · ") };
}

/** @param {Fleet} fleet */
export function showVerdict(fleet) {
  const { tone, title, more } = sentence(fleet);
  const heading = byId("verdict");
  if (heading.textContent !== title) heading.textContent = title;
  byId("verdict-more").textContent = more;
  heading.parentElement?.setAttribute("data-tone", tone);
  document.title = tone === "bad" ? `${title} – Nexus Pull` : "Nexus Pull";
  const link = document.querySelector("link[rel=icon]");
  const address = `/dashboard/icon-${tone === "bad" ? "alert" : "quiet"}.svg`;
  if (link?.getAttribute("href") !== address) link?.setAttribute("href", address);
}

/**
 * @param {Fleet} fleet
 * @param {Query} query
 * @param {(phase: string) => void} toggle
 */
export function showPhases(fleet, query, toggle) {
  const number = (/** @type {string} */ phase) => fleet.summary.phases[phase] ?? 0;
  const counts = PHASES.map(number);
  fill(byId("shares"), counts, () =>
    PHASES.map((phase, index) => {
      const part = h("span", { "data-phase": phase });
      // Through the object model, which the policy allows; an attribute would be inline style.
      part.style.flexGrow = String(counts[index]);
      part.hidden = counts[index] === 0;
      return part;
    }),
  );
  // What is wrong is told even when nobody is in it: none is a message, too.
  const told = PHASES.filter((phase) => number(phase) > 0 || [...ATTENTION, ...query.phases].includes(phase));
  fill(byId("phases"), [counts, query.phases], () =>
    told.map((phase) =>
      h(
        "button.phase",
        {
          type: "button",
          "data-phase": phase,
          "data-focus": phase,
          "data-none": number(phase) === 0,
          "aria-pressed": String(query.phases.includes(phase)),
          click: () => toggle(phase),
        },
        icon(phase),
        h("span.phase-count", {}, number(phase).toLocaleString("en")),
        " ",
        h("span.phase-name", {}, phase),
      ),
    ),
  );
}

/** @param {{ fleet: string, vm: string, phase: string }} vm @param {string} name */
function namedVm(vm, name) {
  const address = vmAddress(vm);
  return h(
    "a.vm-chip",
    { href: address, "data-focus": address, title: keyOf(vm) },
    icon(vm.phase),
    h("span", {}, name),
  );
}

/** @param {Entry[]} entries */
function where(entries) {
  const fleets = [...new Set(entries.map(({ vm }) => vm.fleet))].sort();
  return fleets.length > 3 ? count(fleets.length, "fleet") : fleets.join(", ");
}

/** @param {Entry[]} entries */
function lookedAfter(entries) {
  const number = entries.filter(({ vm }) => vm.acknowledged !== undefined).length;
  if (number === 0) return "";
  return number === entries.length ? "looked after · " : `${number.toLocaleString("en")} looked after · `;
}

/** @param {Entry[]} entries */
function said(entries) {
  const { vm } = entries.find(({ vm: { message } }) => message !== undefined) ?? {};
  return vm?.message !== undefined && h("p.said", { title: keyOf(vm) }, vm.message);
}

/**
 * @param {ReturnType<Fleet["causes"]>[number]} cause
 * @param {Fleet} fleet
 * @param {(reason: string) => void} pick
 */
function causeView({ reason, rank, entries }, fleet, pick) {
  const phase = PHASES[rank] ?? "Failed";
  const rest = entries.length - NAMED;
  const newest = entries[0]?.vm.since;
  const more = { type: "button", "data-focus": `all ${reason}`, click: () => pick(reason) };
  return h(
    "article.cause",
    { "data-phase": phase },
    h("span.cause-count", {}, entries.length.toLocaleString("en")),
    h("h3", {}, meaning(reason) ?? words(reason)),
    h(
      "p.cause-line",
      {},
      icon(phase),
      `${phase} in ${where(entries)} · ${lookedAfter(entries)}`,
      age(newest, true),
      h("code", {}, reason),
    ),
    said(entries),
    remedy(reason) !== undefined && h("p.remedy", {}, h("b", {}, "Do: "), remedy(reason)),
    h(
      "p.cause-vms",
      {},
      ...entries.slice(0, NAMED).map(({ vm }) => namedVm(vm, fleet.nameOf(vm))),
      rest > 0 && h("button.quiet", more, `and ${rest.toLocaleString("en")} more`),
    ),
  );
}

/**
 * @param {Fleet} fleet
 * @param {(reason: string) => void} pick
 */
export function showCauses(fleet, pick) {
  const causes = fleet.causes();
  const shown = causes
    .slice(0, CAUSES)
    .map(({ reason, rank, entries }) => [
      reason,
      rank,
      entries.length,
      entries
        .slice(0, NAMED)
        .map(({ key, vm }) => [key, fleet.nameOf(vm), vm.phase, vm.since, vm.message, vm.acknowledged]),
    ]);
  const left = causes.length - CAUSES;
  fill(byId("causes"), [fleet.complete, fleet.summary.total === 0, shown, left], () => {
    byId("causes-title").textContent = fleet.summary.total === 0 ? "What to do first" : "What is wrong, and why";
    if (fleet.summary.total === 0) return [empty()];
    if (causes.length === 0)
      return [h("p.calm", {}, icon("Configured"), "Nothing. Every VM that was heard of is well.")];
    return [
      ...causes.slice(0, CAUSES).map((cause) => causeView(cause, fleet, pick)),
      left > 0 && h("p.none", {}, `and ${count(left, "rarer reason")}; the list below has them all`),
    ];
  });
}

/** What to do first. */
function empty() {
  const { origin } = location;
  const secret = '"$(cat ~/.local/state/nexus-pull-receiver/secret)"';
  return h(
    "div.empty",
    {},
    h("p", {}, "A VM appears here when a stack announces it, or when it says its first word."),
    h(
      "ul.commands",
      {},
      commandView([
        "Hand the key to a stack",
        `TF_VAR_webhook_url='${origin}/webhook' TF_VAR_webhook_secret=${secret} tofu apply`,
      ]),
      commandView(["See this page move first", `curl -X POST ${origin}/webhook -d '{"test":"data"}'`]),
    ),
    h(
      "p.none",
      {},
      "The address must be one that the VMs reach. Where its secret is, the receiver says when it starts. What came without a ",
      "signature shows up at once as an unverified note. More in ",
      h("code", {}, "docs/phase3-observability.md"),
      ".",
    ),
  );
}
