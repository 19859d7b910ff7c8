// Elements. Text becomes a text node, always; there is no way to markup in here, and the page's policy forbids it as well.

/** @typedef {Node | string | number | false | null | undefined} Child */
/** @typedef {Record<string, string | number | boolean | undefined | ((event: any) => void)>} Props */

const SVG = "http://www.w3.org/2000/svg";

/** An address of this page or of its receiver: whatever else an event may hold is none. */
const isOwn = (/** @type {string} */ address) => /^(?:#|\/(?!\/))/.test(address);

/**
 * @param {Element} element
 * @param {Props} props
 */
function dress(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name !== "href" || isOwn(String(value))) element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * An element: h("li.row.wide", { title }, "text", child).
 * @param {string} what
 * @param {Props} [props]
 * @param {...Child} children
 */
export function h(what, props = {}, ...children) {
  const [tag = "div", ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(" ");
  dress(element, props);
  for (const child of children)
    if (child !== undefined && child !== null && child !== false)
      element.append(child instanceof Node ? child : String(child));
  return element;
}

/** Strokes in a box of 16: shapes, so that no phase is told by its colour alone. */
const SHAPES = {
  Failed: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  Overdue: "M8 4.5V8l2.5 2M8 2a6 6 0 1 0 .01 0",
  Drifted: "M3 6h10M3 10h10M10.5 3l-5 10",
  Stale: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  Expected: "M8 2.5a5.5 5.5 0 1 0 .01 0",
  Booted: "M8 2.5V8M5 4.2a5 5 0 1 0 6 0",
  Bootstrapping: "M8 13V4M4.5 7.5 8 4l3.500 3.500",
  Configuring: "M13 8a5 5 0 1 1-2-4M13 2.500V5h-2.500",
  Configured: "M3.500 8.500l3 3 6-7",
  Retired: "M4 8h8",
  Superseded: "M4 8h8",
};

/**
 * @param {string} phase
 */
export function icon(phase) {
  const svg = document.createElementNS(SVG, "svg");
  dress(svg, { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  const path = document.createElementNS(SVG, "path");
  dress(path, { d: SHAPES[/** @type {keyof typeof SHAPES} */ (phase)] ?? SHAPES.Stale });
  svg.append(path);
  return svg;
}

/**
 * Fills a place anew when what it shows is another; the focus stays with what has the same data-focus.
 * @param {Element} place
 * @param {unknown} shown
 * @param {() => Child[]} build
 */
export function fill(place, shown, build) {
  const key = JSON.stringify(shown);
  if (filled.get(place) === key) return;
  filled.set(place, key);
  const focused = document.activeElement;
  const name = focused !== null && place.contains(focused) ? focused.getAttribute("data-focus") : null;
  place.replaceChildren(...build().flatMap((child) => (child instanceof Node ? [child] : [])));
  if (name !== null)
    for (const one of place.querySelectorAll("[data-focus]"))
      if (one.getAttribute("data-focus") === name) /** @type {HTMLElement} */ (one).focus({ preventScroll: true });
}

/** @type {WeakMap<Element, string>} */
const filled = new WeakMap();

/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}
