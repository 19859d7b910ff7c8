// Light, dark, or as the system has it.
const THEMES = ["auto", "light", "dark"];
const NAMES = /** @type {Record<string, string>} */ ({ auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" });

/** @param {HTMLElement} button */
export function showTheme(button) {
  const root = document.documentElement;
  const show = () => {
    button.textContent = NAMES[root.dataset["theme"] ?? "auto"] ?? "";
    button.setAttribute("aria-label", `Theme: ${root.dataset["theme"]}; changes it`);
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset["theme"] ?? "auto") + 1) % THEMES.length] ?? "auto";
    root.dataset["theme"] = next;
    localStorage.setItem("theme", next);
    show();
  });
  show();
}
