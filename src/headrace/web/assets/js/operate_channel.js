// One channel: its producer, what was lost over time, who watches, and who is sent away.

import { ask } from "./ask.js";
import { drawChart } from "./chart.js";
import { byId, element, icon, setText, toast } from "./dom.js";
import { duration, mbps, megabytes, ms, percent } from "./format.js";
import { POINTS } from "./histories.js";
import { viewersInWords } from "./operate_overview.js";

const MAX_ROWS = 200;

export class ChannelPanel {
  #subscriberRows = new Map();

  /** @param {(path: string, options: object) => Promise} request The API, with the admin's token. */
  constructor(request) {
    this.request = request;
    this.chosenId = null;
  }

  choose(id) {
    this.chosenId = this.chosenId === id ? null : id;
    byId("channel-panel").hidden = this.chosenId === null;
    this.#subscriberRows.clear();
    byId("subscriber-rows").replaceChildren();
    if (this.chosenId !== null) byId("channel-heading").focus();
  }

  show(status, histories) {
    const channel = status.channels.find((one) => one.id === this.chosenId);
    if (this.chosenId === null) return;
    setText(byId("channel-heading"), this.chosenId);
    byId("channel-watch").href = `/watch/${encodeURIComponent(this.chosenId)}`;
    setText(byId("channel-line"), channel ? `${channel.title ? `${channel.title} · ` : ""}${channel.state} · ${viewersInWords(channel)}` : "Nobody produces or watches it any more.");
    this.#showCharts(histories);
    this.#showProducers(channel);
    this.#showSubscribers(channel ? (status.subscribers ?? []) : []);
  }

  #showCharts(histories) {
    const id = this.chosenId;
    const rates = histories.of(`rate ${id}`).map((value) => (value === null ? null : value / 1e6));
    drawChart(byId("chart-rate"), [{ className: "", values: rates, isArea: true }], { points: POINTS, least: 1, format: (value) => `${value} Mbit/s` });
    drawChart(byId("chart-loss"), [{ className: "chart-bad", values: histories.of(`loss ${id}`), isArea: true }], { points: POINTS, least: 0.01, format: percent });
    drawChart(byId("chart-rtt"), [{ className: "chart-delay", values: histories.of(`rtt ${id}`), isArea: true }], { points: POINTS, least: 10, format: ms });
    drawChart(byId("chart-resends"), [{ className: "chart-bad", values: histories.of(`resends ${id}`), isArea: true }], { points: POINTS, least: 0.01, format: percent });
  }

  #showProducers(channel) {
    const producers = [...(channel?.producer ? [[channel.producer, "Producer"]] : []), ...(channel?.standbys ?? []).map((one) => [one, "Standby"])];
    const shape = producers.map(([one, role]) => `${role} ${one.address} ${one.socket_id}`).join();
    const list = byId("producers");
    if (list.dataset.shape !== shape) {
      list.dataset.shape = shape;
      list.replaceChildren(...producers.map(([one, role]) => this.#producerElement(one, role)));
      if (!producers.length) list.append(element("p", { class: "quiet" }, "Nobody produces this channel now."));
    }
    producers.forEach(([one], at) => {
      const cells = list.children[at].querySelectorAll("dd");
      producerRows(one).forEach(([, value], row) => setText(cells[row], value));
    });
  }

  #producerElement(producer, role) {
    return element(
      "div",
      { class: "producer" },
      element(
        "header",
        {},
        element("h3", {}, `${role} `, element("code", {}, producer.address)),
        this.#kickButton(`Send away ${role.toLowerCase()} ${producer.address}`, () => this.#kickProducer(producer)),
      ),
      element("dl", { class: "figure-grid" }, ...producerRows(producer).map(([name]) => element("div", {}, element("dt", {}, name), element("dd")))),
    );
  }

  #kickButton(label, run) {
    return element("button", { type: "button", class: "button button-small button-bad", "aria-label": label, on: { click: run } }, icon("close"), "Send away");
  }

  async #kickProducer({ address, socket_id: socketId, session_id: sessionId }) {
    if (!(await ask("Send the producer away?", `${address} stops producing ${this.chosenId}. It may come back: revoke its key to keep it out.`, "Send away"))) return;
    await this.#end(sessionId ? `/sessions/${sessionId}` : `/producers/${socketId}`);
  }

  async #kickSubscriber({ address, socket_id: socketId, session_id: sessionId }) {
    if (!(await ask("Send the viewer away?", `${address} stops watching ${this.chosenId}. It may come back.`, "Send away"))) return;
    await this.#end(sessionId ? `/sessions/${sessionId}` : `/subscribers/${socketId}`);
  }

  async #end(path) {
    try {
      await this.request(path, { method: "DELETE" });
      toast("Sent away");
    } catch (error) {
      toast(error.status === 404 ? "It had gone before" : error.message);
    }
  }

  #showSubscribers(subscribers) {
    const shown = subscribers.slice(0, MAX_ROWS);
    const keys = new Set(shown.map(keyOf));
    for (const [key, row] of this.#subscriberRows) {
      if (keys.has(key)) continue;
      row.root.remove();
      this.#subscriberRows.delete(key);
    }
    for (const one of shown) {
      if (!this.#subscriberRows.has(keyOf(one))) {
        this.#subscriberRows.set(keyOf(one), this.#makeRow(one));
        byId("subscriber-rows").append(this.#subscriberRows.get(keyOf(one)).root);
      }
      const { cells } = this.#subscriberRows.get(keyOf(one));
      subscriberCells(one).forEach((text, at) => setText(cells[at], text));
    }
    byId("subscriber-table").hidden = shown.length === 0;
    setText(byId("subscriber-note"), noteOn(subscribers.length));
  }

  #makeRow(subscriber) {
    const cells = subscriberCells(subscriber).map(() => element("td", { class: "number" }));
    const kick = this.#kickButton(`Send away ${subscriber.address}`, () => this.#kickSubscriber(subscriber));
    const kind = subscriber.session_id ? "browser" : "SRT";
    return { root: element("tr", {}, element("th", { scope: "row" }, element("code", {}, subscriber.address)), element("td", {}, kind), ...cells, element("td", {}, kick)), cells };
  }
}

const keyOf = (subscriber) => subscriber.session_id ?? subscriber.socket_id;

function noteOn(number) {
  if (number === 0) return "Nobody watches this channel now.";
  return number > MAX_ROWS ? `The first ${MAX_ROWS} of ${number}. headrace status --json has all.` : "";
}

function producerRows(one) {
  return [
    ["Mbit/s", mbps(one.received_bps)],
    ["Connected for", duration(one.connected_seconds ?? 0)],
    ["Round trip", ms(one.rtt_ms)],
    ["Latency", ms(one.latency_ms)],
    ["Buffer", ms(one.buffer_ms)],
    ["Lost", plain(one.lost_packets)],
    ["Recovered", plain(one.recovered_packets)],
    ["Dropped", plain(one.dropped_packets)],
    ["Late", plain(one.belated_packets)],
    ["Silent for", ms(one.silent_ms)],
  ];
}

function subscriberCells(one) {
  return [duration(one.connected_seconds ?? 0), ms(one.rtt_ms), ms(one.latency_ms), megabytes(one.sent_payload_bytes), plain(one.resent_packets), plain(one.naks_packets)];
}

function plain(number) {
  return number === null || number === undefined ? "–" : number.toLocaleString("en");
}
