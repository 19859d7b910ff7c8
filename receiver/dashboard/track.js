// From announcement to run: where a VM is on its way, and how long each part took. Of its current machine only.
import { h, icon } from "./dom.js";
import { age, duration } from "./words.js";
import { runWords, typeOf } from "./event-words.js";

/** @typedef {import("./vm.js").Detail} Detail */
/** @typedef {import("./event-words.js").Stored} Stored */
/** @typedef {{ name: string, tone: string, at?: string, took?: string }} Stop */

/** @param {Stored[]} events @param {...string} types */
const last = (events, ...types) => events.filter((one) => types.includes(typeOf(one))).at(-1);

/** @param {Stored | undefined} from @param {Stored | undefined} to */
function between(from, to) {
  if (from === undefined || to === undefined || to.position < from.position) return undefined;
  return duration((Date.parse(to.received) - Date.parse(from.received)) / 1000);
}

/** @param {Stored[]} own @param {boolean} ran @returns {Stop} */
function bootstrapStop(own, ran) {
  const began = last(own, "bootstrap.started");
  const ended = last(own, "bootstrap.succeeded", "bootstrap.failed");
  if (ended !== undefined && (began === undefined || ended.position > began.position)) {
    const tone = typeOf(ended) === "bootstrap.failed" ? "Failed" : "Configured";
    return { name: "Bootstrap", tone, at: ended.received, took: between(began, ended) };
  }
  if (ran) return { name: "Bootstrap", tone: "Configured" };
  return { name: "Bootstrap", tone: began === undefined ? "" : "Bootstrapping", at: began?.received };
}

/** @param {Detail} vm @returns {Stop} */
function runStop(vm) {
  const [run] = vm.runs;
  if (run === undefined) return { name: "Run", tone: "" };
  const took = run.duration_s === undefined ? undefined : duration(run.duration_s);
  return { name: "Run", tone: runWords(run).tone, at: run.ended ?? run.started, took };
}

/** @param {Detail} vm @returns {Stop[]} */
export function stops(vm) {
  const current = vm.machines.find(({ phase }) => phase !== "Superseded")?.stream;
  const own = vm.timeline.filter(({ event }) => event.data["stream"] === current && current !== undefined);
  const announced = last(vm.timeline, "vm.expected", "vm.released");
  const booted = last(own, "vm.booted");
  const heard = current !== undefined;
  const isThere = vm.phase === "Configured";
  return [
    { name: "Announced", tone: vm.announced ? "Configured" : "", at: announced?.received },
    { name: "Boot", tone: heard ? "Configured" : "", at: booted?.received, took: between(announced, booted) },
    bootstrapStop(own, vm.runs.length > 0),
    runStop(vm),
    { name: vm.phase, tone: isThere ? "Configured" : vm.phase, at: vm.since },
  ];
}

/** @param {Detail} vm */
export function trackView(vm) {
  return h(
    "ol.track",
    { "aria-label": "How it came here" },
    ...stops(vm).map(({ name, tone, at, took }) =>
      h(
        "li",
        { "data-phase": tone, "data-reached": tone !== "" },
        h("span.track-mark", {}, icon(tone === "" ? "Retired" : tone)),
        h("b", {}, name),
        h(
          "span.track-more",
          {},
          tone === "" ? "not yet" : took ? `took ${took}` : "",
          at !== undefined && h("span", {}, took ? " · " : "", age(at, true)),
        ),
      ),
    ),
  );
}
