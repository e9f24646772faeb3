// Sends a picture and a sound by WHIP, and goes on trying when the connection is lost.

import { Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { endSession, openSession, withStereo } from "./rtc_session.js";
import { SendingFigures } from "./sending_figures.js";

const LOOK_EACH_MS = 1000;
const CONNECT_WITHIN_MS = 10_000;
const DISCONNECTED_FOR_MS = 3000;
const SOUND_BPS = 128_000;

/**
 * Events: `state` (`detail`: {state, problem, retryMs}) and `figures`.
 * States: `stopped`, `connecting`, `live`, `retrying`. `problem` with `stopped`: the server does not want it.
 */
export class WhipPublisher extends EventTarget {
  #connection = null;
  #session = null;
  #senders = {};
  #backoff = new Backoff();
  #timers = new Set();

  constructor() {
    super();
    this.figures = new SendingFigures();
    this.state = "stopped";
    addEventListener("pagehide", () => endSession(this.#session));
  }

  /** Go live with tracks; `settings`: {url, token, maxBps, framesPerSecond, isScreen}. */
  start(tracks, settings) {
    this.tracks = tracks;
    this.settings = settings;
    return this.#connect();
  }

  /** Where the session is, which names the channel. */
  get channelId() {
    const id = this.#session ? decodeURIComponent(new URL(this.#session).pathname.split("/")[2]) : "-";
    return id === "-" ? null : id;
  }

  /** Send another picture from now on; nobody who watches has to do anything. */
  async replaceVideo(track, isScreen) {
    this.tracks.video = track;
    this.settings.isScreen = isScreen;
    await this.#senders.video?.replaceTrack(track);
    await this.#applySettings();
  }

  async setMaxBps(maxBps) {
    this.settings.maxBps = maxBps;
    await this.#applySettings();
  }

  stop(problem = null) {
    this.#drop();
    this.#tell("stopped", problem);
  }

  async #connect() {
    this.#drop();
    this.#tell("connecting");
    const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#connection = connection;
    const stream = new MediaStream(Object.values(this.tracks));
    for (const [kind, track] of Object.entries(this.tracks)) {
      const transceiver = connection.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      this.#senders[kind] = transceiver.sender;
      if (kind === "video") preferH264(transceiver);
    }
    connection.addEventListener("connectionstatechange", () => this.#handleConnection(connection));
    try {
      const session = await openSession(connection, this.settings.url, this.settings.token, withStereo);
      if (connection !== this.#connection) return endSession(session);
      this.#session = session;
      await this.#applySettings();
    } catch (error) {
      if (connection === this.#connection) this.#handleRefusal(error);
      return;
    }
    this.#later(CONNECT_WITHIN_MS, () => connection.connectionState !== "connected" && this.#retry("No answer over UDP."));
  }

  async #applySettings() {
    const { maxBps, framesPerSecond, isScreen } = this.settings;
    if (this.tracks.video) this.tracks.video.contentHint = isScreen ? "detail" : "motion";
    await setEncoding(this.#senders.video, { maxBitrate: maxBps, maxFramerate: framesPerSecond }, isScreen ? "maintain-resolution" : "balanced");
    await setEncoding(this.#senders.audio, { maxBitrate: SOUND_BPS });
  }

  #handleConnection(connection) {
    if (connection !== this.#connection) return;
    const state = connection.connectionState;
    if (state === "connected" && this.state !== "live") {
      this.#backoff.reset();
      this.figures.restart();
      this.#tell("live");
      this.#look(connection);
    } else if (state === "failed" || state === "closed") {
      this.#retry("The connection was lost.");
    } else if (state === "disconnected") {
      this.#later(DISCONNECTED_FOR_MS, () => connection.connectionState !== "connected" && this.#retry("The connection was lost."));
    }
  }

  async #look(connection) {
    const report = await connection.getStats();
    if (connection !== this.#connection) return;
    this.dispatchEvent(new CustomEvent("figures", { detail: this.figures.note(report) }));
    this.#later(LOOK_EACH_MS, () => this.#look(connection));
  }

  #handleRefusal(error) {
    const problem = error instanceof Problem ? error : new Problem(406, error.message);
    // What the key or the channel does not allow stays so; a full house and a lost network may pass.
    if (problem.status >= 400 && problem.status < 500) return this.stop(problem);
    return this.#retry(problem.message, problem.retrySeconds === null ? null : problem.retrySeconds * 1000);
  }

  #retry(message, waitMs = null) {
    this.#drop();
    const retryMs = waitMs ?? this.#backoff.next();
    this.#tell("retrying", new Problem(0, message), retryMs);
    this.#later(retryMs, () => this.#connect());
  }

  #tell(state, problem = null, retryMs = null) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, problem, retryMs } }));
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
    this.#senders = {};
    connection?.close();
    endSession(this.#session);
    this.#session = null;
  }
}

/** H.264 is what every player behind the broker has; VP8 and VP9 have no place in a transport stream. */
function preferH264(transceiver) {
  const codecs = RTCRtpSender.getCapabilities?.("video")?.codecs ?? [];
  const wanted = codecs.filter((one) => /\/(h264|rtx|red|ulpfec)$/i.test(one.mimeType));
  if (wanted.some((one) => /h264/i.test(one.mimeType))) transceiver.setCodecPreferences?.(wanted);
}

async function setEncoding(sender, limits, degradationPreference) {
  if (!sender) return;
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) return;
  Object.assign(parameters.encodings[0], limits);
  if (degradationPreference) parameters.degradationPreference = degradationPreference;
  await sender.setParameters(parameters);
}
