// Plays a channel by WHEP, and goes on trying: lost connections, producers that come and go, a full house.

import { Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { PlaybackFigures } from "./playback_figures.js";
import { RtcLink } from "./rtc_link.js";

const LOOK_EACH_MS = 1000;
/** No picture for so long is a pause in the stream. */
const STALLED_AFTER_LOOKS = 2;
/** Packets come, but none makes a picture: a new session starts at a keyframe. */
const RENEWED_AFTER_LOOKS = 6;
const ABSENT_RETRY_MS = 3000;
const UNPLAYABLE_RETRY_MS = 15_000;
/** SRT's code for a channel with a passphrase: no token opens it to a browser. */
const ENCRYPTED_CODE = 1011;

/**
 * Events: `state` (`detail`: {state, message, retryMs}), `figures` (`detail`: PlaybackFigures' answer) and `layers`
 * (`detail`: {layers, current, wanted}, the sizes that the channel has).
 * States: `stopped`, `connecting`, `playing`, `waiting` (nobody produces), `absent` (there is no such channel), `retrying`, `token` (one is wanted),
 * `unplayable`.
 */
export class WhepPlayer extends EventTarget {
  #url;
  #video;
  #link = new RtcLink({
    onConnected: (connection) => this.#handleConnected(connection),
    onLost: (message) => this.#retry(message),
  });
  #lookedAt = null;
  #backoff = new Backoff();
  #stalledLooks = 0;
  #seenFrames = 0;
  #seenPackets = 0;
  #wanted = null;

  constructor(url, video) {
    super();
    this.#url = url;
    this.#video = video;
    this.figures = new PlaybackFigures();
    this.token = null;
    this.state = "stopped";
    addEventListener("online", () => this.state === "retrying" && this.start());
  }

  get isWanted() {
    return this.state !== "stopped";
  }

  /** Connect, now. */
  async start() {
    this.#link.drop();
    // Who looks at an address that is wrong is not told of each try.
    if (this.state !== "absent") this.#tell("connecting");
    const connection = this.#link.begin();
    for (const kind of ["video", "audio"]) connection.addTransceiver(kind, { direction: "recvonly" });
    this.#showSoon(connection);
    try {
      if (!(await this.#link.open(connection, this.#url, this.token))) return;
    } catch (error) {
      if (this.#link.has(connection)) this.#handleRefusal(error);
      return;
    }
    this.#link.expect(connection);
  }

  /** Stop playing; the last picture stays. */
  stop() {
    this.#link.drop();
    this.#tell("stopped");
  }

  /** Play a layer of the channel from its next keyframe on; null: the one that the link bears. */
  async choose(rid) {
    this.#wanted = rid;
    await this.#askForLayers({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ mediaId: "0", rid: rid ?? undefined }) });
    await this.#tellLayers();
  }

  /** Have the channel's layers told, as somebody has heard that it has several. */
  async lookForLayers() {
    const known = this.state === "playing" ? await this.#tellLayers() : null;
    // A session that was made anew does not know what was chosen in the one before.
    if (known?.wanted === null && known.layers.some((one) => one.rid === this.#wanted)) await this.choose(this.#wanted);
  }

  async #tellLayers() {
    const { session } = this.#link;
    const known = await this.#askForLayers();
    if (!known || session !== this.#link.session) return null;
    this.dispatchEvent(new CustomEvent("layers", { detail: known }));
    return known;
  }

  /** The channel went live or came to an end, as somebody else has heard. */
  noteLive(isLive) {
    if (isLive && this.state === "waiting" && (!this.#link.session || this.#stalledLooks >= RENEWED_AFTER_LOOKS)) this.start();
  }

  /**
   * Have the loudspeakers open before there is sound: what came earlier would be held back, and the picture with it.
   * A page that shows a video while it loads goes on loading until there is a picture.
   */
  #showSoon(connection) {
    if (document.readyState === "complete") this.#show(connection);
    else addEventListener("load", () => this.#link.has(connection) && this.#show(connection), { once: true });
  }

  #show(connection) {
    const receivers = connection.getReceivers();
    for (const receiver of receivers) if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    this.#play(connection);
    this.#video.requestVideoFrameCallback?.(() => {
      if (this.#link.has(connection) && this.state !== "playing") this.#tell("playing");
    });
  }

  /** Play what is sent, or may be: Chromium plays no sound beside a picture that does not come. */
  #play(connection) {
    const sent = connection.getTransceivers().filter(({ currentDirection }) => currentDirection !== "inactive");
    const tracks = sent.map(({ receiver }) => receiver.track);
    const shown = this.#video.srcObject?.getTracks() ?? [];
    if (shown.length === tracks.length && tracks.every((track) => shown.includes(track))) return;
    this.#video.srcObject = new MediaStream(tracks);
    this.dispatchEvent(new Event("stream"));
  }

  #handleConnected(connection) {
    if (this.#video.srcObject) this.#play(connection);
    this.figures.restart();
    this.#seenFrames = 0;
    this.#stalledLooks = 0;
    if (this.#lookedAt !== connection) this.#look(connection);
    this.#lookedAt = connection;
  }

  /** Returns what the session answers, or null if it does not. */
  async #askForLayers(request = {}) {
    try {
      const response = await fetch(`${this.#link.session}/layer`, request);
      return response.ok && !request.method ? await response.json() : null;
    } catch {
      return null; // The connection itself tells if the server has gone.
    }
  }

  async #look(connection) {
    const report = await connection.getStats();
    if (!this.#link.has(connection)) return;
    const figures = this.figures.note(report);
    this.dispatchEvent(new CustomEvent("figures", { detail: figures }));
    this.#judge(figures);
    if (this.#link.has(connection)) this.#link.later(this.state === "playing" ? LOOK_EACH_MS : LOOK_EACH_MS / 4, () => this.#look(connection));
  }

  #judge({ framesDecoded, packetsInAll, picturePacketsInAll }) {
    const hasPackets = packetsInAll !== this.#seenPackets;
    const hasFrames = framesDecoded !== this.#seenFrames;
    // Where there are pictures, sound begins with the first one: before that, there is sound alone.
    const hasSoundAlone = hasPackets && picturePacketsInAll === 0;
    [this.#seenFrames, this.#seenPackets] = [framesDecoded, packetsInAll];
    if (hasFrames || hasSoundAlone) {
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
    this.#link.drop();
    this.#video.srcObject = null;
    const problem = error instanceof Problem ? error : new Problem(406, error.message);
    // What the server says of 401 and 404 is for who writes requests.
    if (problem.wantsToken && problem.code !== ENCRYPTED_CODE) return this.#tell("token", problem.status === 401 ? "" : problem.message);
    if (problem.status === 404) return this.#again("absent", ABSENT_RETRY_MS, "");
    if ([400, 403, 406, 409, 415].includes(problem.status)) return this.#again("unplayable", UNPLAYABLE_RETRY_MS, problem.message);
    const waitMs = problem.retrySeconds === null ? this.#backoff.next() : problem.retrySeconds * 1000;
    return this.#again("retrying", waitMs, problem.message);
  }

  #retry(message) {
    this.#link.drop();
    this.#again("retrying", this.#backoff.next(), message);
  }

  #again(state, waitMs, message) {
    this.#tell(state, message, waitMs);
    this.#link.later(waitMs, () => this.start());
  }

  #tell(state, message = "", retryMs = null) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, message, retryMs } }));
  }
}
