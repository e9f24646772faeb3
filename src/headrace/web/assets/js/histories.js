// What a broker's status was over the last minutes, for charts: the server keeps none.

export const POINTS = 300;

export class Histories {
  #series = new Map();
  #before = new Map();

  /** Note one status of the broker. */
  note({ broker, channels }) {
    this.#push("broker received", broker.received_bps);
    this.#push("broker sent", broker.sent_bps);
    this.#push("broker viewers", channels.reduce((sum, one) => sum + one.subscribers.count + (one.sessions?.count ?? 0), 0));
    for (const channel of channels) this.#noteChannel(channel);
    const alive = new Set(channels.map((one) => one.id));
    for (const name of this.#series.keys()) if (!name.startsWith("broker ") && !alive.has(name.slice(name.indexOf(" ") + 1))) this.#series.delete(name);
  }

  /** The values of a series, oldest first. */
  of(name) {
    return this.#series.get(name) ?? [];
  }

  #noteChannel({ id, producer, sent }) {
    this.#push(`rate ${id}`, producer?.received_bps ?? null);
    this.#push(`rtt ${id}`, producer?.rtt_ms ?? null);
    const lost = producer ? this.#grown(`lost ${id}`, producer.lost_packets) : null;
    const received = producer ? this.#grown(`received ${id}`, producer.received_packets) : null;
    this.#push(`loss ${id}`, lost === null || lost + received <= 0 ? null : lost / (lost + received));
    const resent = this.#grown(`resent ${id}`, sent.resent_packets);
    const once = this.#grown(`sent ${id}`, sent.sent_packets);
    this.#push(`resends ${id}`, once > 0 ? resent / once : null);
  }

  /** By how much a counter has grown; null at first, and when another producer begins anew. */
  #grown(name, value) {
    const before = this.#before.get(name);
    this.#before.set(name, value);
    return before === undefined || value < before ? null : value - before;
  }

  #push(name, value) {
    if (!this.#series.has(name)) this.#series.set(name, []);
    const values = this.#series.get(name);
    values.push(value);
    if (values.length > POINTS) values.shift();
  }
}
