// Sends a picture and a sound by WHIP, and goes on trying when the connection is lost.

import { Problem } from "./api.js";
import { Backoff } from "./backoff.js";
import { RtcLink } from "./rtc_link.js";
import { SendingFigures } from "./sending_figures.js";

const LOOK_EACH_MS = 1000;
const SOUND_BPS = 128_000;
/** Of a picture that is at least so high a smaller one is of use. */
const LAYERS_FROM_LINES = 720;
/** Sizes of the picture, and of the bitrate, the best first. */
const LAYERS = [
  { rid: "h", scaleResolutionDownBy: 1, share: 1 },
  { rid: "m", scaleResolutionDownBy: 2, share: 1 / 4 },
  { rid: "l", scaleResolutionDownBy: 4, share: 1 / 12 },
];

/**
 * Events: `state` (`detail`: {state, problem, retryMs}) and `figures`.
 * States: `stopped`, `connecting`, `live`, `retrying`. `problem` with `stopped`: the server does not want it.
 */
export class WhipPublisher extends EventTarget {
  #link = new RtcLink({
    onConnected: (connection) => this.#handleConnected(connection),
    onLost: (message) => this.#retry(message),
  });
  #senders = {};
  #backoff = new Backoff();

  constructor() {
    super();
    this.figures = new SendingFigures();
    this.state = "stopped";
  }

  /** Go live with tracks; `settings`: {url, token, maxBps, framesPerSecond, isScreen, hasLayers}. */
  start(tracks, settings) {
    this.tracks = tracks;
    this.settings = settings;
    return this.#connect();
  }

  /** Where the session is, which names the channel. */
  get channelId() {
    const id = this.#link.session ? decodeURIComponent(new URL(this.#link.session).pathname.split("/")[2]) : "-";
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
    const connection = this.#link.begin();
    const stream = new MediaStream(Object.values(this.tracks));
    for (const [kind, track] of Object.entries(this.tracks)) {
      const sendEncodings = kind === "video" ? this.#encodings(track) : undefined;
      const transceiver = connection.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings });
      this.#senders[kind] = transceiver.sender;
      if (kind === "video") preferH264(transceiver);
    }
    try {
      if (!(await this.#link.open(connection, this.settings.url, this.settings.token))) return;
      await this.#applySettings();
    } catch (error) {
      if (this.#link.has(connection)) this.#handleRefusal(error);
      return;
    }
    this.#link.expect(connection);
  }

  /** In which sizes a picture is sent. */
  #encodings(track) {
    const { hasLayers, isScreen } = this.settings;
    const lines = track.getSettings().height ?? 0;
    if (!hasLayers || isScreen || lines < LAYERS_FROM_LINES) return [{}];
    return LAYERS.map(({ rid, scaleResolutionDownBy }) => ({ rid, scaleResolutionDownBy }));
  }

  async #applySettings() {
    const { maxBps, framesPerSecond, isScreen } = this.settings;
    if (this.tracks.video) this.tracks.video.contentHint = isScreen ? "detail" : "motion";
    await setEncoding(this.#senders.video, { maxBitrate: maxBps, maxFramerate: framesPerSecond }, isScreen ? "maintain-resolution" : "balanced");
    await setEncoding(this.#senders.audio, { maxBitrate: SOUND_BPS });
  }

  #handleConnected(connection) {
    if (this.state === "live") return;
    this.#backoff.reset();
    this.figures.restart();
    this.#tell("live");
    this.#look(connection);
  }

  async #look(connection) {
    const report = await connection.getStats();
    if (!this.#link.has(connection)) return;
    this.dispatchEvent(new CustomEvent("figures", { detail: this.figures.note(report) }));
    this.#link.later(LOOK_EACH_MS, () => this.#look(connection));
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
    this.#link.later(retryMs, () => this.#connect());
  }

  #tell(state, problem = null, retryMs = null) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, problem, retryMs } }));
  }

  #drop() {
    this.#senders = {};
    this.#link.drop();
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
  for (const encoding of parameters.encodings) {
    const share = LAYERS.find((one) => one.rid === encoding.rid)?.share ?? 1;
    Object.assign(encoding, limits, { maxBitrate: Math.round(limits.maxBitrate * share) });
  }
  if (degradationPreference) parameters.degradationPreference = degradationPreference;
  await sender.setParameters(parameters);
}
