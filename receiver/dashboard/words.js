// Times, amounts and commits as people read them.
import { h } from "./dom.js";

const UNITS = /** @type {const} */ ([
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
]);

/**
 * 93784 -> "1 d 2 h": two units at most.
 * @param {number} seconds
 */
export function duration(seconds) {
  let left = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [size, name] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}

/**
 * One unit only, for tables.
 * @param {number} seconds
 */
export function short(seconds) {
  const left = Math.max(0, Math.round(seconds));
  for (const [size, name] of UNITS) if (left >= size) return `${Math.floor(left / size)} ${name}`;
  return "now";
}

/** The receiver's clock minus this machine's: ages are the receiver's, however wrong the clock on the wall is. */
let skew = 0;

/** @param {string} at */
export function setClock(at) {
  const ahead = Date.parse(at) - Date.now();
  if (Number.isFinite(ahead)) skew = ahead;
}

export const now = () => Date.now() + skew;

/** @param {string} at @param {boolean} inWords */
function ago(at, inWords) {
  const text = short((now() - Date.parse(at)) / 1000);
  if (!inWords) return text;
  return text === "now" ? "just now" : `${text} ago`;
}

/**
 * How long ago; kept right by tick().
 * @param {string | undefined} at
 * @param {boolean} [inWords] "5 min ago" and not "5 min"
 */
export function age(at, inWords = false) {
  if (at === undefined) return h("span.none", {}, "–");
  return h("time", { datetime: at, title: new Date(at).toLocaleString(), "data-words": inWords }, ago(at, inWords));
}

/** @param {ParentNode} place */
export function tick(place = document) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    const text = ago(time.getAttribute("datetime") ?? "", time.hasAttribute("data-words"));
    if (time.textContent !== text) time.textContent = text;
  }
}

/** @param {string | undefined} sha */
export const commit = (sha) => (sha === undefined || sha === "" ? "–" : sha.slice(0, 8));

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** @param {string} code */
export const words = (code) => code.replaceAll("_", " ");
