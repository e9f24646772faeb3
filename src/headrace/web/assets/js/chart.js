// Small charts of the last minutes, drawn as SVG: lines over the ticks of a staff gauge.

import { drawn } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 64;
const TICKS = 4;

/**
 * Draw series into an SVG element, anew each time.
 *
 * @param {SVGElement} svg Keeps its own size; needs `role="img"` and a label of its own.
 * @param {{className: string, values: (number|null)[], isArea?: boolean}[]} series Oldest first; null where nothing is known.
 * @param {{points: number, least: number, unit?: string, format?: (value: number) => string}} options `points` fit into
 *     the width; the scale goes at least to `least`.
 */
export function drawChart(svg, series, { points, least, format = String }) {
  const most = niceTop(Math.max(least, ...series.flatMap((one) => one.values.filter((value) => value !== null))));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.classList.add("chart");
  const lines = Array.from({ length: TICKS + 1 }, (_, at) =>
    drawn("line", { class: "chart-tick", x1: 0, x2: WIDTH, y1: (HEIGHT * at) / TICKS, y2: (HEIGHT * at) / TICKS }),
  );
  const paths = series.flatMap((one) => pathsOf(one, points, most));
  svg.replaceChildren(...lines, ...paths);
  const top = svg.parentElement?.querySelector("[data-top]");
  if (top) top.textContent = format(most);
}

function pathsOf({ className, values, isArea = false }, points, most) {
  const recent = values.slice(-points);
  const from = points - recent.length;
  const runs = [[]];
  recent.forEach((value, at) => {
    if (value === null) runs.push([]);
    else runs.at(-1).push([((from + at) / (points - 1)) * WIDTH, HEIGHT - (value / most) * (HEIGHT - 2) - 1]);
  });
  return runs.filter((run) => run.length > 1).flatMap((run) => {
    const line = run.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const drawnLine = drawn("path", { class: `chart-line ${className}`, d: line });
    if (!isArea) return [drawnLine];
    const area = `${line}L${run.at(-1)[0].toFixed(1)} ${HEIGHT}L${run[0][0].toFixed(1)} ${HEIGHT}Z`;
    return [drawn("path", { class: `chart-area ${className}`, d: area }), drawnLine];
  });
}

/** The next of 1, 2, 5, 10, 20 ... */
export function niceTop(value) {
  const magnitude = 10 ** Math.floor(Math.log10(value));
  return magnitude * [1, 2, 5, 10].find((step) => step * magnitude >= value * 0.999);
}
