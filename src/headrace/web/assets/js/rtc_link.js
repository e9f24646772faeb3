// The connection that a player or a studio has now, its session, and what is to happen later in it.

import { endSession, openSession } from "./rtc_session.js";

const CONNECT_WITHIN_MS = 10_000;
const DISCONNECTED_FOR_MS = 3000;

export class RtcLink {
  #connection = null;
  #session = null;
  #timers = new Set();
  #onConnected;
  #onLost;

  /** `onConnected(connection)` may come again for one that was disconnected for a moment; `onLost(message)` comes once. */
  constructor({ onConnected, onLost }) {
    this.#onConnected = onConnected;
    this.#onLost = onLost;
    addEventListener("pagehide", () => endSession(this.#session));
  }

  /** Where the session is; null before there is one. */
  get session() {
    return this.#session;
  }

  /** Whether `connection` is the one of now. */
  has(connection) {
    return connection === this.#connection;
  }

  /** A connection of now, for which nothing has been agreed on. */
  begin() {
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    connection.addEventListener("connectionstatechange", () => this.#handleState(connection));
    return connection;
  }

  /**
   * Agree on a session; returns whether it is still wanted.
   *
   * @throws {Problem} The server said no, or cannot be reached.
   */
  async open(connection, url, token) {
    const session = await openSession(connection, url, token);
    if (!this.has(connection)) {
      endSession(session);
      return false;
    }
    this.#session = session;
    return true;
  }

  /** Give the connection up if it does not come about. */
  expect(connection) {
    this.#loseLater(connection, CONNECT_WITHIN_MS, "No answer over UDP.");
  }

  /** Call `then` after a time, if the connection has not been dropped by then. */
  later(waitMs, then) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, waitMs);
    this.#timers.add(timer);
  }

  /** End the connection and its session, and what was to happen later. */
  drop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    endSession(this.#session);
    this.#session = null;
  }

  #handleState(connection) {
    if (!this.has(connection)) return;
    const state = connection.connectionState;
    if (state === "connected") this.#onConnected(connection);
    else if (state === "failed" || state === "closed") this.#onLost("The connection was lost.");
    else if (state === "disconnected") this.#loseLater(connection, DISCONNECTED_FOR_MS, "The connection was lost.");
  }

  #loseLater(connection, waitMs, message) {
    this.later(waitMs, () => connection.connectionState !== "connected" && this.#onLost(message));
  }
}
