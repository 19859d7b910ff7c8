// Puts the page together: address -> question -> page, and the live view that keeps it right.
import { Link, Unauthorized, getJson, token } from "./api.js";
import { loadCodes } from "./codes.js";
import { byId, fill, h } from "./dom.js";
import { Fleet, PHASES, SORTS } from "./fleet.js";
import { showChanges, showRings } from "./lately.js";
import { showCauses, showPhases, showVerdict } from "./overview.js";
import { Table, found } from "./table.js";
import { VmPage } from "./vm.js";
import { setClock, tick } from "./words.js";
import { showTheme } from "./theme-button.js";

const CHANGES_MS = 2000;
const TICK_MS = 5000;

const fleet = new Fleet();
const vmPage = new VmPage(refused);
/** @type {import("./fleet.js").Query} */
let query = { q: "", phases: [], reason: "", fleet: "", sort: "urgency" };
let painting = false;
/** The fleet's version that is on the page. */
let painted = -1;

const table = new Table(byId("table"), (sort) => ask({ sort }), clearFilter);
const search = /** @type {HTMLInputElement} */ (byId("search"));
const sorts = /** @type {HTMLSelectElement} */ (byId("sort"));
const fleets = /** @type {HTMLSelectElement} */ (byId("fleets"));

/** @param {string} hash */
function parse(hash) {
  const [path = "", text = ""] = hash.replace(/^#/, "").split("?");
  const [, room, ...names] = path.split("/").map(decode);
  const vm = room === "vms" && names.length === 2 ? { fleet: names[0] ?? "", vm: names[1] ?? "" } : undefined;
  const given = new URLSearchParams(text);
  const get = (/** @type {string} */ name) => given.get(name) ?? "";
  const phases = get("phase")
    .split(",")
    .filter((phase) => PHASES.includes(phase));
  const sort = Object.hasOwn(SORTS, get("sort")) ? get("sort") : "urgency";
  return { vm, query: { q: get("q"), phases, reason: get("reason"), fleet: get("fleet"), sort } };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The question as an address, so that it can be passed on. @param {Partial<import("./fleet.js").Query>} change */
function ask(change) {
  query = { ...query, ...change };
  const given = new URLSearchParams();
  if (query.q !== "") given.set("q", query.q);
  if (query.phases.length > 0) given.set("phase", query.phases.join(","));
  if (query.reason !== "") given.set("reason", query.reason);
  if (query.fleet !== "") given.set("fleet", query.fleet);
  if (query.sort !== "urgency") given.set("sort", query.sort);
  const text = given.toString();
  history.replaceState(null, "", text === "" ? "#/" : `#/?${text}`);
  paint();
}

function clearFilter() {
  ask({ q: "", phases: [], reason: "", fleet: "" });
  // The button that had the focus is gone.
  search.focus({ preventScroll: true });
}

/** @param {string} phase */
function togglePhase(phase) {
  const phases = query.phases.includes(phase) ? query.phases.filter((one) => one !== phase) : [...query.phases, phase];
  ask({ phases });
}

/** @param {string} reason */
function pickReason(reason) {
  ask({ reason });
  byId("vms").scrollIntoView();
  search.focus({ preventScroll: true });
}

function chips() {
  /** @type {[string, Partial<import("./fleet.js").Query>][]} */
  const all = [
    ...query.phases.map(
      (phase) => /** @type {[string, {}]} */ ([phase, { phases: query.phases.filter((one) => one !== phase) }]),
    ),
    ...(query.reason === "" ? [] : [/** @type {[string, {}]} */ ([query.reason, { reason: "" }])]),
  ];
  fill(byId("chips"), all, () =>
    all.map(([name, without]) =>
      h("button.chip", { type: "button", "aria-label": `Without ${name}`, click: () => ask(without) }, `${name} ×`),
    ),
  );
}

/** What a question does not change: done when the fleet has. */
function paintFleet() {
  painted = fleet.version;
  showCauses(fleet, pickReason);
  showRings(fleet);
  const names = fleet.fleets();
  fleets.hidden = names.length < 2;
  fill(fleets, names, () => [
    h("option", { value: "" }, "All fleets"),
    ...names.map((name) => h("option", { value: name }, name)),
  ]);
}

function paint() {
  painting = false;
  if (byId("fleet").hidden) return;
  showVerdict(fleet);
  showPhases(fleet, query, togglePhase);
  if (painted !== fleet.version) paintFleet();
  chips();
  fleets.value = query.fleet;
  sorts.value = query.sort;
  if (search.value.trim() !== query.q) search.value = query.q;
  const entries = fleet.find(query);
  table.show(entries, query.sort, fleet.entries.size === 0);
  byId("count").textContent = found(entries.length, fleet.entries.size);
}

/** Once a picture, however many frames came. */
function paintSoon() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(paint);
}

function route() {
  const { vm, query: asked } = parse(location.hash);
  byId("fleet").hidden = vm !== undefined;
  byId("vm").hidden = vm === undefined;
  if (vm === undefined) query = asked;
  else window.scrollTo(0, 0);
  void vmPage.open(vm);
  paint();
}

/** @param {unknown} error */
function refused(error) {
  if (error instanceof Unauthorized) gate();
}

function gate() {
  const entry = /** @type {HTMLInputElement} */ (
    h("input", { id: "token", type: "password", autocomplete: "off", required: true })
  );
  const place = byId("gate");
  if (!place.hidden) return;
  const enter = (/** @type {Event} */ event) => {
    event.preventDefault();
    token.set(entry.value.trim());
    place.hidden = true;
    place.replaceChildren();
    link.retry();
    route();
  };
  const wrong = token.get() !== "" && h("p.said", { role: "alert" }, "That token was not accepted.");
  place.replaceChildren(
    h(
      "form.gate",
      { submit: enter },
      h("h1", {}, "From here, reading needs a token"),
      wrong,
      h("label", { for: "token" }, "Token of the receiver (its token file, or NEXUS_PULL_TOKEN)"),
      entry,
      h("button", { type: "submit" }, "Show the fleet"),
      h("p.none", {}, "Kept in this tab until it is closed; sent in a header, never in an address."),
    ),
  );
  place.hidden = false;
  byId("fleet").hidden = true;
  byId("vm").hidden = true;
  entry.focus();
}

let changesDue = false;
let changesAt = 0;

/** What happened lately, asked for when something did, and not more often than every two seconds. */
function changesSoon() {
  if (changesDue) return;
  changesDue = true;
  setTimeout(
    async () => {
      changesAt = Date.now();
      changesDue = false;
      try {
        showChanges(await getJson("/changes?since_s=3600&limit=500"), fleet);
      } catch (error) {
        refused(error);
      }
    },
    Math.max(0, changesAt + CHANGES_MS - Date.now()),
  );
}

const LINK_WORDS = {
  connecting: "Connecting …",
  live: "Live",
  waiting: "Receiver is away – trying again",
  unauthorized: "Token needed",
};

/** @param {import("./api.js").LinkState} state */
function showLink(state) {
  const place = byId("link-state");
  place.dataset.state = state;
  place.textContent = LINK_WORDS[state];
  if (state === "unauthorized") gate();
}

/** @param {import("./fleet.js").Frame} frame */
function take(frame) {
  setClock(frame.at);
  fleet.take(frame);
  if (byId("gate").hidden && byId("fleet").hidden && byId("vm").hidden) route();
  paintSoon();
  vmPage.changed(frame.vms);
  changesSoon();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === "/" && !typing && !byId("fleet").hidden) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape" && !byId("vm").hidden) location.hash = "#/";
  else if (event.key === "Escape" && typing) ask({ q: "", phases: [], reason: "" });
}

sorts.append(...Object.entries(SORTS).map(([value, { label }]) => h("option", { value }, label)));
sorts.addEventListener("change", () => ask({ sort: sorts.value }));
fleets.addEventListener("change", () => ask({ fleet: fleets.value }));
search.addEventListener("input", () => ask({ q: search.value.trim() }));
window.addEventListener("hashchange", route);
document.addEventListener("keydown", onKey);
setInterval(tick, TICK_MS);
setInterval(changesSoon, 60_000);
showTheme(byId("theme"));
await loadCodes().catch(() => undefined);
const link = new Link("/status/stream", { frame: take, state: showLink });
