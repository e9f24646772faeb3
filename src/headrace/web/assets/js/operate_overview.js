// The broker as a whole, and its channels in a table.

import { drawChart } from "./chart.js";
import { byId, drawn, element, setText } from "./dom.js";
import { count, duration, mbps, megabytes, ms } from "./format.js";
import { POINTS } from "./histories.js";

const SPARK_POINTS = 60;
const TROUBLES = [
  ["refused_connections", "Refused"],
  ["ended_rights", "Sent away"],
  ["dropped_subscribers", "Dropped"],
  ["limits_reached", "Limits reached"],
  ["ignored_packets", "Ignored packets"],
];

export function showOverview({ broker, channels }, histories) {
  const viewers = channels.reduce((sum, one) => sum + viewersOf(one), 0);
  setText(byId("tile-channels"), String(channels.filter((one) => one.state === "live").length));
  setText(byId("tile-viewers"), viewers.toLocaleString("en"));
  setText(byId("tile-in"), mbps(broker.received_bps));
  setText(byId("tile-out"), mbps(broker.sent_bps));
  setText(byId("tile-memory"), megabytes(broker.resident_bytes));
  setText(byId("tile-uptime"), duration(broker.uptime_seconds));
  setText(byId("broker-line"), `Headrace ${broker.headrace_version} on ${broker.listen}`);
  const inMbps = (name) => histories.of(name).map((value) => value / 1e6);
  const format = (value) => `${value} Mbit/s`;
  drawChart(byId("chart-in"), [{ className: "", values: inMbps("broker received"), isArea: true }], { points: POINTS, least: 1, format });
  drawChart(byId("chart-out"), [{ className: "chart-delay", values: inMbps("broker sent"), isArea: true }], { points: POINTS, least: 1, format });
  drawChart(byId("chart-viewers"), [{ className: "", values: histories.of("broker viewers"), isArea: true }], { points: POINTS, least: 5 });
  showTroubles(broker, channels);
}

export const viewersOf = (channel) => channel.subscribers.count + (channel.sessions?.count ?? 0);

function showTroubles(broker, channels) {
  const ofBroker = TROUBLES.flatMap(([key, word]) => {
    const reasons = Object.entries(broker[key] ?? {});
    return reasons.length ? [element("li", {}, element("strong", {}, `${word}: `), reasons.map(([why, times]) => `${why.replaceAll("_", " ")} ${times.toLocaleString("en")}`).join(", "))] : [];
  });
  const ofChannels = channels.flatMap((one) => {
    const words = inBrowsersInWords(one);
    return words ? [element("li", {}, element("strong", {}, `${one.id}: `), words)] : [];
  });
  const told = [...ofBroker, ...ofChannels];
  byId("troubles").hidden = told.length === 0;
  byId("troubles-list").replaceChildren(...told);
}

/** Rows stay where they are, so that a click meets what it was meant for. */
export class ChannelTable {
  #rows = new Map();

  constructor(choose) {
    this.choose = choose;
  }

  show(channels, chosenId, histories) {
    const body = byId("channel-rows");
    byId("no-channels").hidden = channels.length > 0;
    byId("channel-table").hidden = channels.length === 0;
    const ids = new Set(channels.map((one) => one.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
    for (const channel of channels) {
      if (!this.#rows.has(channel.id)) {
        this.#rows.set(channel.id, this.#makeRow(channel.id));
        body.append(this.#rows.get(channel.id).root);
      }
      showRow(this.#rows.get(channel.id), channel, channel.id === chosenId, histories);
    }
  }

  #makeRow(id) {
    const button = element("button", { type: "button", class: "channel-choose", on: { click: () => this.choose(id) } }, id);
    const spark = drawn("svg", { class: "spark", "aria-hidden": "true" });
    const names = ["state", "rate", "rtt", "lost", "recovered", "dropped", "viewers", "resent"];
    const cells = Object.fromEntries(names.map((name) => [name, element("td", { class: name === "state" ? "" : "number" })]));
    const root = element("tr", {}, element("th", { scope: "row" }, button), cells.state, element("td", {}, spark), ...names.slice(1).map((name) => cells[name]));
    return { root, button, spark, cells };
  }
}

function showRow({ root, button, spark, cells }, channel, isChosen, histories) {
  const { producer, sent } = channel;
  root.classList.toggle("is-chosen", isChosen);
  button.setAttribute("aria-pressed", String(isChosen));
  const since = channel.state_seconds === null ? "" : ` ${duration(channel.state_seconds)}`;
  if (cells.state.dataset.state !== channel.state) {
    cells.state.dataset.state = channel.state;
    cells.state.replaceChildren(element("span", { class: `badge ${channel.state === "live" ? "badge-live" : "badge-quiet"}` }, channel.state), element("span"));
  }
  setText(cells.state.lastChild, since);
  setText(cells.rate, producer ? mbps(producer.received_bps) : "–");
  setText(cells.rtt, producer ? ms(producer.rtt_ms) : "–");
  for (const name of ["lost", "recovered", "dropped"]) setText(cells[name], producer ? producer[`${name}_packets`].toLocaleString("en") : "–");
  cells.dropped.classList.toggle("is-bad", (producer?.dropped_packets ?? 0) > 0);
  setText(cells.viewers, viewersOf(channel).toLocaleString("en"));
  setText(cells.resent, sent.resent_packets.toLocaleString("en"));
  const rates = histories.of(`rate ${channel.id}`).map((value) => (value === null ? null : value / 1e6));
  drawChart(spark, [{ className: "", values: rates, isArea: true }], { points: SPARK_POINTS, least: 0.5 });
}

/** What browsers do not get as it is, in words; nothing of most channels. */
export function inBrowsersInWords({ notice, recoding }) {
  if (notice) return notice;
  if (!recoding) return "";
  const leftOut = recoding.left_out_pictures ? `; it cannot keep up, and left out ${count(recoding.left_out_pictures, "picture")}` : "";
  const failures = recoding.failures ? `; it failed ${count(recoding.failures, "time")}` : "";
  return `${recoding.why}: re-encoded for browsers${leftOut}${failures}`;
}

/** Who watches, in words. */
export const viewersInWords = (channel) => count(viewersOf(channel), "viewer");
