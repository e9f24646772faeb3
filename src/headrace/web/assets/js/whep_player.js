// Plays a channel by WHEP, and goes on trying: lost connections, producers that come and go, a full house.

import { Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { PlaybackFigures } from "./playback_figures.js";
import { endSession, openSession, withStereo } from "./rtc_session.js";

const LOOK_EACH_MS = 1000;
const CONNECT_WITHIN_MS = 10_000;
const DISCONNECTED_FOR_MS = 3000;
/** No picture for so long is a pause in the stream. */
const STALLED_AFTER_LOOKS = 2;
/** Packets come, but none makes a picture: a new session starts at a keyframe. */
const RENEWED_AFTER_LOOKS = 6;
const ABSENT_RETRY_MS = 3000;
const UNPLAYABLE_RETRY_MS = 15_000;

/**
 * Events: `state` (`detail`: {state, message, retryMs}) and `figures` (`detail`: PlaybackFigures' answer).
 * States: `stopped`, `connecting`, `playing`, `waiting` (nobody produces), `retrying`, `token` (one is wanted), `unplayable`.
 */
export class WhepPlayer extends EventTarget {
  #url;
  #video;
  #connection = null;
  #lookedAt = null;
  #session = null;
  #backoff = new Backoff();
  #timers = new Set();
  #stalledLooks = 0;
  #seenFrames = 0;
  #seenPackets = 0;

  constructor(url, video) {
    super();
    this.#url = url;
    this.#video = video;
    this.figures = new PlaybackFigures();
    this.token = null;
    this.state = "stopped";
    addEventListener("pagehide", () => endSession(this.#session));
    addEventListener("online", () => this.state === "retrying" && this.start());
  }

  get isWanted() {
    return this.state !== "stopped";
  }

  /** Connect, now. */
  async start() {
    this.#drop();
    this.#tell("connecting");
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    const stream = new MediaStream();
    for (const kind of ["video", "audio"]) connection.addTransceiver(kind, { direction: "recvonly" });
    connection.addEventListener("track", ({ track, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      stream.addTrack(track);
    });
    connection.addEventListener("connectionstatechange", () => this.#handleConnection(connection));
    try {
      const session = await openSession(connection, this.#url, this.token, withStereo);
      if (connection !== this.#connection) return endSession(session);
      this.#session = session;
    } catch (error) {
      if (connection === this.#connection) this.#handleRefusal(error);
      return;
    }
    this.#show(stream, connection);
    this.#later(CONNECT_WITHIN_MS, () => connection.connectionState !== "connected" && this.#retry("No answer over UDP."));
  }

  /** Stop playing; the last picture stays. */
  stop() {
    this.#drop();
    this.#tell("stopped");
  }

  /** The channel went live or came to an end, as somebody else has heard. */
  noteLive(isLive) {
    if (isLive && this.state === "waiting" && (!this.#session || this.#stalledLooks >= RENEWED_AFTER_LOOKS)) this.start();
  }

  #show(stream, connection) {
    this.#video.srcObject = stream;
    this.dispatchEvent(new Event("stream"));
    this.#video.requestVideoFrameCallback?.(() => {
      if (connection === this.#connection && this.state !== "playing") this.#tell("playing");
    });
  }

  #handleConnection(connection) {
    if (connection !== this.#connection) return;
    const state = connection.connectionState;
    if (state === "connected") {
      this.figures.restart();
      this.#seenFrames = 0;
      this.#stalledLooks = 0;
      if (this.#lookedAt !== connection) this.#look(connection);
      this.#lookedAt = connection;
    } else if (state === "failed" || state === "closed") {
      this.#retry("The connection was lost.");
    } else if (state === "disconnected") {
      this.#later(DISCONNECTED_FOR_MS, () => connection.connectionState !== "connected" && this.#retry("The connection was lost."));
    }
  }

  async #look(connection) {
    const report = await connection.getStats();
    if (connection !== this.#connection) return;
    const figures = this.figures.note(report);
    this.dispatchEvent(new CustomEvent("figures", { detail: figures }));
    this.#judge(figures);
    if (connection === this.#connection) this.#later(this.state === "playing" ? LOOK_EACH_MS : LOOK_EACH_MS / 4, () => this.#look(connection));
  }

  #judge({ framesDecoded, packetsInAll }) {
    const hasPackets = packetsInAll !== this.#seenPackets;
    const hasFrames = framesDecoded !== this.#seenFrames;
    [this.#seenFrames, this.#seenPackets] = [framesDecoded, packetsInAll];
    if (hasFrames) {
      this.#stalledLooks = 0;
      this.#backoff.reset();
      if (this.state !== "playing") this.#tell("playing");
      return;
    }
    this.#stalledLooks += this.state === "playing" ? 1 : 0.25;
    if (hasPackets && this.#stalledLooks >= RENEWED_AFTER_LOOKS) this.#retry("No picture came.");
    else if (this.#stalledLooks >= STALLED_AFTER_LOOKS && this.state !== "waiting") this.#tell("waiting");
  }

  #handleRefusal(error) {
    this.#drop();
    const problem = error instanceof Problem ? error : new Problem(406, error.message);
    if (problem.wantsToken) return this.#tell("token", problem.message);
    if (problem.status === 404) return this.#again("waiting", ABSENT_RETRY_MS, problem.message);
    if ([400, 406, 409, 415].includes(problem.status)) return this.#again("unplayable", UNPLAYABLE_RETRY_MS, problem.message);
    const waitMs = problem.retrySeconds === null ? this.#backoff.next() : problem.retrySeconds * 1000;
    return this.#again("retrying", waitMs, problem.message);
  }

  #retry(message) {
    this.#drop();
    this.#again("retrying", this.#backoff.next(), message);
  }

  #again(state, waitMs, message) {
    this.#tell(state, message, waitMs);
    this.#later(waitMs, () => this.start());
  }

  #tell(state, message = "", retryMs = null) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, message, retryMs } }));
  }

  #later(waitMs, then) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, waitMs);
    this.#timers.add(timer);
  }

  #drop() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    endSession(this.#session);
    this.#session = null;
  }
}
