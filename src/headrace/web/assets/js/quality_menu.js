// The choice among the sizes in which a channel comes: a list that is there while there are several.

import { byId, element, setText } from "./dom.js";

export class QualityMenu {
  #menu = byId("quality");
  #shown = "";

  /** `choose(rid)` is called with the name of a layer, or null for the one that the link bears. */
  constructor(choose) {
    this.#menu.addEventListener("change", () => choose(this.#menu.value || null));
  }

  /** Show the layers of a session, the best first: {layers, current, wanted}. */
  show({ layers, current, wanted }) {
    this.#menu.hidden = layers.length < 2;
    if (this.#menu.hidden) return;
    // A list that is open is not to be made anew under somebody's finger.
    const names = JSON.stringify(layers.map((one) => [one.rid, one.height]));
    if (names !== this.#shown) {
      this.#menu.replaceChildren(element("option", { value: "" }), ...layers.map((one) => element("option", { value: one.rid }, nameOf(one))));
      this.#shown = names;
    }
    const now = layers.find((one) => one.rid === current);
    setText(this.#menu.options[0], now && wanted === null ? `Auto (${nameOf(now)})` : "Auto");
    for (const one of layers) [...this.#menu.options].find((option) => option.value === one.rid).disabled = one.bitrate === 0;
    if (document.activeElement !== this.#menu) this.#menu.value = wanted ?? "";
  }
}

function nameOf(layer) {
  return layer.height ? `${layer.height}p` : layer.rid;
}
