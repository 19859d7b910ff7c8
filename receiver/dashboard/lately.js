// What happened in the last hour, told as what befell how many, and who was turned away.
import { refusalRemedy } from "./codes.js";
import { byId, fill, h, icon } from "./dom.js";
import { keyOf } from "./fleet.js";
import { vmAddress } from "./overview.js";
import { age, commit, count, now, words } from "./words.js";

/**
 * @typedef {{ at: string, fleet: string, vm: string, kind: "run" | "phase", phase?: string, outcome?: string, reason?: string,
 *   message?: string, changed?: number, commit?: string }} Change
 * @typedef {{ what: string, phase: string, at: string, message?: string, vms: { fleet: string, vm: string }[] }} Happening
 */

const NAMED = 4;
const SHOWN = 14;
/** A refusal or note that is older is no news. */
const NEWS_MS = 86_400_000;

/** @param {Change} change @returns {[phase: string, what: string]} */
function wordsOf({ kind, phase = "Stale", outcome, reason, changed = 0, commit: sha }) {
  const why = reason === undefined ? "" : `: ${words(reason)}`;
  if (kind === "phase") return [phase, phase === "Configured" || phase === "Retired" ? phase : phase + why];
  if (outcome === undefined) return ["Drifted", `Drift found at ${commit(sha)}`];
  if (!outcome.startsWith("changed")) return ["Failed", `Run ${outcome}${why}`];
  const what = outcome === "changed-corrective" ? "put right" : "changed";
  return ["Configured", `${count(changed, "task")} ${what} at ${commit(sha)}`];
}

/** The same that befell several is one line. @param {Change[]} changes */
export function happenings(changes) {
  /** @type {Map<string, Happening>} */
  const all = new Map();
  for (const change of changes) {
    const [phase, what] = wordsOf(change);
    const known = all.get(what) ?? { what, phase, at: change.at, message: change.message, vms: [] };
    if (!known.vms.some((vm) => keyOf(vm) === keyOf(change))) known.vms.push(change);
    all.set(what, known);
  }
  return [...all.values()];
}

/** @typedef {import("./fleet.js").Fleet} Fleet */

/** @param {Happening} happening @param {Fleet} fleet */
function happeningView({ what, phase, at, message, vms }, fleet) {
  const rest = vms.length - NAMED;
  const named = vms.slice(0, NAMED).flatMap((vm) => {
    const focus = `${what} ${keyOf(vm)}`;
    return [h("a", { href: vmAddress(vm), title: keyOf(vm), "data-focus": focus }, fleet.nameOf(vm)), " "];
  });
  return h(
    "li",
    { "data-phase": phase },
    icon(phase),
    h("span.feed-what", { title: message }, what),
    age(at),
    h("span.feed-who", {}, ...named, rest > 0 && `and ${rest.toLocaleString("en")} more`),
  );
}

/** @param {{ total: number, changes: Change[] }} lately @param {Fleet} fleet */
export function showChanges({ total, changes }, fleet) {
  const all = happenings(changes);
  const left = all.length - SHOWN > 0 || total > changes.length;
  const named = all.slice(0, SHOWN).map(({ vms }) => vms.slice(0, NAMED).map((vm) => fleet.nameOf(vm)));
  fill(byId("changes"), [all, left, named], () => {
    if (total === 0) return [h("p.none", {}, "No run changed anything, and no VM changed its phase.")];
    return [
      h("ol.feed", {}, ...all.slice(0, SHOWN).map((one) => happeningView(one, fleet))),
      left && h("p.none", {}, "and earlier ones"),
    ];
  });
}

/**
 * @param {string} id
 * @param {string} title
 * @param {HTMLElement[]} lines
 */
const ring = (id, title, lines) =>
  lines.length === 0 ? [] : [h("h2", { id }, title), h("ol.feed.rings", { "aria-labelledby": id }, ...lines)];

/** @param {Fleet} fleet */
export function showRings({ refused, notes }) {
  const isNews = (/** @type {{ at: string }} */ { at }) => now() - Date.parse(at) < NEWS_MS;
  const [turnedAway, said] = [refused.filter(isNews), notes.filter(isNews)];
  fill(byId("rings"), [turnedAway, said], () => [
    ...ring(
      "refusals",
      "Refused requests",
      turnedAway.map(({ at, remote, code, detail }) =>
        h(
          "li",
          { "data-phase": "Overdue" },
          icon("Failed"),
          h("span.feed-what", {}, h("code", {}, code), ` from ${remote}`),
          age(at),
          h("span.feed-who", {}, `${detail} `, h("i", {}, refusalRemedy(code))),
        ),
      ),
    ),
    ...ring(
      "notes",
      "Unverified notes",
      said.map(({ at, remote, text }) =>
        h("li", {}, icon("Stale"), h("span.feed-what", {}, `from ${remote}`), age(at), h("span.feed-who", {}, text)),
      ),
    ),
  ]);
}
