// Tabs, as WAI-ARIA has them: arrows go from one to the next, the address remembers which.

/** Make tabs of a list; `show` is called with the name of the one that was chosen. */
export function prepareTabs(list, show) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const choose = (tab) => {
    for (const one of tabs) {
      one.setAttribute("aria-selected", String(one === tab));
      one.tabIndex = one === tab ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = one !== tab;
    }
    history.replaceState(null, "", `#${tab.dataset.tab}`);
    show(tab.dataset.tab);
  };
  list.addEventListener("click", ({ target }) => {
    const tab = target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs.at((tabs.indexOf(document.activeElement) + step) % tabs.length);
    next.focus();
    choose(next);
  });
  choose(tabs.find((one) => `#${one.dataset.tab}` === location.hash) ?? tabs[0]);
}
