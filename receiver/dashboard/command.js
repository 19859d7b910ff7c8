// A command to copy.
import { h } from "./dom.js";

/** @param {HTMLElement} code */
async function copy(code) {
  const text = code.textContent ?? "";
  // The clipboard is there over https and on localhost only; a selection can be copied everywhere.
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  getSelection()?.selectAllChildren(code);
  document.execCommand("copy");
}

/** What it is for, and the command. @param {[string, string]} command */
export function commandView([what, text]) {
  const code = h("code", {}, text);
  const done = h("span.visually-hidden", { role: "status" });
  const button = h("button.quiet.copy", { type: "button", "aria-label": `Copy: ${what}`, "data-focus": text }, "Copy");
  button.addEventListener("click", () => {
    void copy(code).then(() => {
      button.textContent = done.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  });
  return h(
    "li",
    {},
    h("span.command-what", {}, what),
    h("div.command", {}, h("pre", { tabindex: "0" }, code), button),
    done,
  );
}
