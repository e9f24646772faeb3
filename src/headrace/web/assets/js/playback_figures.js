// What a browser measures of what it plays, second by second.
// Source: W3C webrtc-stats, RTCInboundRtpStreamStats, RTCIceCandidatePairStats.

const KEPT_SECONDS = 60;
const LOSS_OVER_SECONDS = 5;

export class PlaybackFigures {
  constructor() {
    /** One entry for each look, oldest first. */
    this.history = [];
    this.last = null;
  }

  /** Forget what was counted of an earlier connection; what was shown stays. */
  restart() {
    this.last = null;
  }

  /** Look at a report; returns what is known now. */
  note(report) {
    const now = countersOf(report);
    const figures = this.last ? figuresBetween(this.last, now) : { ...nothingYet(), ...descriptions(now) };
    this.last = now;
    this.history.push(figures);
    if (this.history.length > KEPT_SECONDS) this.history.shift();
    figures.loss = this.#recentLoss();
    return figures;
  }

  #recentLoss() {
    const recent = this.history.slice(-LOSS_OVER_SECONDS);
    const sum = (key) => recent.reduce((total, one) => total + one[key], 0);
    const due = sum("receivedPackets") + sum("lostPackets");
    return due > 0 ? sum("lostPackets") / due : null;
  }
}

function countersOf(report) {
  const found = { video: null, audio: null, pair: null, codecs: {} };
  for (const stats of report.values()) {
    if (stats.type === "inbound-rtp") found[stats.kind] = stats;
    if (stats.type === "codec") found.codecs[stats.id] = stats;
    if (stats.type === "candidate-pair" && stats.nominated) found.pair = stats;
  }
  return found;
}

function nothingYet() {
  return { bps: null, framesPerSecond: null, receivedPackets: 0, lostPackets: 0, delayMs: null, bufferMs: null };
}

function figuresBetween(before, now) {
  const [a, b] = [before.video, now.video];
  const seconds = a && b ? (b.timestamp - a.timestamp) / 1000 : 0;
  if (seconds <= 0 || a.ssrc !== b.ssrc) return { ...nothingYet(), ...descriptions(now) };
  const grown = (key, kind = "video") => (now[kind]?.[key] ?? 0) - (before[kind]?.[key] ?? 0);
  const each = (sum, number) => (grown(number) > 0 ? (grown(sum) / grown(number)) * 1000 : null);
  const bufferMs = each("jitterBufferDelay", "jitterBufferEmittedCount");
  // From the packet's arrival to the decoded picture; older browsers have the two parts alone.
  const here = each("totalProcessingDelay", "framesDecoded") ?? bufferMs + each("totalDecodeTime", "framesDecoded");
  const wayMs = now.pair?.currentRoundTripTime === undefined ? null : now.pair.currentRoundTripTime * 500;
  return {
    ...descriptions(now),
    bps: ((grown("bytesReceived") + grown("bytesReceived", "audio")) * 8) / seconds,
    framesPerSecond: grown("framesDecoded") / seconds,
    receivedPackets: grown("packetsReceived") + grown("packetsReceived", "audio"),
    lostPackets: Math.max(0, grown("packetsLost") + grown("packetsLost", "audio")),
    bufferMs,
    delayMs: grown("framesDecoded") > 0 && wayMs !== null ? here + wayMs : null,
  };
}

function descriptions(now) {
  const { video, audio, pair, codecs } = now;
  const codec = (stats) => codecs[stats?.codecId]?.mimeType?.split("/")[1] ?? null;
  return {
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
    codec: codec(video),
    audioCodec: codec(audio),
    framesDecoded: video?.framesDecoded ?? 0,
    framesDropped: video?.framesDropped ?? 0,
    freezes: video?.freezeCount ?? 0,
    lostPacketsInAll: (video?.packetsLost ?? 0) + (audio?.packetsLost ?? 0),
    picturePacketsInAll: video?.packetsReceived ?? 0,
    packetsInAll: (video?.packetsReceived ?? 0) + (audio?.packetsReceived ?? 0),
    roundTripMs: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
  };
}
