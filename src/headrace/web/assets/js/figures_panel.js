// Delay, loss and the rest: the pill in the bar, and the panel that it opens.

import { drawChart } from "./chart.js";
import { byId, element, setText } from "./dom.js";
import { mbps, ms, percent } from "./format.js";

const GAUGE_TOP_MS = 500;
const POINTS = 60;

export class FiguresPanel {
  #cells = new Map();

  constructor(history) {
    this.history = history;
    byId("delay").addEventListener("click", () => this.toggle());
    byId("figures-close").addEventListener("click", () => {
      this.toggle(false);
      byId("delay").focus();
    });
  }

  toggle(isOpen = byId("figures").hidden) {
    byId("figures").hidden = !isOpen;
    byId("delay").setAttribute("aria-expanded", String(isOpen));
  }

  /** Show what was measured now. */
  show(figures) {
    setText(byId("delay-text"), ms(figures.delayMs));
    setText(byId("figure-delay"), ms(figures.delayMs));
    byId("delay-level").style.transform = `scaleX(${Math.min(1, (figures.delayMs ?? 0) / GAUGE_TOP_MS)})`;
    if (byId("figures").hidden) return;
    const delays = this.history().map((one) => one.delayMs);
    drawChart(byId("delay-chart"), [{ className: "chart-delay", values: delays, isArea: true }], { points: POINTS, least: 100 });
    for (const [name, value] of rows(figures)) this.#cell(name, value);
  }

  #cell(name, value) {
    if (!this.#cells.has(name)) {
      const cell = element("dd");
      byId("figure-list").append(element("dt", {}, name), cell);
      this.#cells.set(name, cell);
    }
    setText(this.#cells.get(name), value);
  }
}

function rows(figures) {
  const size = figures.width ? `${figures.width} × ${figures.height}` : "–";
  return [
    ["Round trip to the broker", ms(figures.roundTripMs)],
    ["Held back here", ms(figures.bufferMs)],
    ["Lost in the last 5 s", percent(figures.loss)],
    ["Lost in all", `${figures.lostPacketsInAll} of ${figures.packetsInAll}`],
    ["Mbit/s", mbps(figures.bps)],
    ["Frames a second", figures.framesPerSecond === null ? "–" : figures.framesPerSecond.toFixed(1)],
    ["Frames dropped, freezes", `${figures.framesDropped}, ${figures.freezes}`],
    ["Picture", size],
    ["Codecs", [figures.codec, figures.audioCodec].filter(Boolean).join(" + ") || "–"],
  ];
}
