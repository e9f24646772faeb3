// Light, dark, or as the system has it. Loaded before the page is drawn, so that none flashes in the other colours: no module.
(() => {
  const ICONS = new URL("../img/icons.svg", document.currentScript.src).pathname;
  const KEY = "headrace-theme";
  const ORDER = ["auto", "light", "dark"];
  const NAMES = { auto: "as the system", light: "light", dark: "dark" };
  const root = document.documentElement;

  function stored() {
    try {
      return ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
    } catch {
      return "auto"; // Storage can be switched off.
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    button.setAttribute("aria-label", `Colours: ${NAMES[theme]}. Change to ${NAMES[next]}`);
    button.title = `Colours: ${NAMES[theme]}`;
    button.querySelector("use").setAttribute("href", `${ICONS}#${theme}`);
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    apply(stored());
    document.getElementById("theme")?.addEventListener("click", () => {
      const next = ORDER[(ORDER.indexOf(root.dataset.theme) + 1) % ORDER.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // Then it lasts as long as the page.
      }
      apply(next);
    });
  });
})();
