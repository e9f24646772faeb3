// What a browser measures of what it sends, second by second.
// Source: W3C webrtc-stats, RTCOutboundRtpStreamStats, RTCRemoteInboundRtpStreamStats.

const KEPT_SECONDS = 120;
const LIMITS = { none: "Nothing", cpu: "This machine", bandwidth: "The network", other: "Something else" };

export class SendingFigures {
  constructor() {
    this.history = [];
    this.last = null;
  }

  restart() {
    this.last = null;
  }

  note(report) {
    const now = countersOf(report);
    const seconds = this.last ? (now.video.timestamp - this.last.video.timestamp) / 1000 : 0;
    const figures = seconds > 0 ? between(this.last, now, seconds) : { bps: null, loss: null, framesPerSecond: null };
    Object.assign(figures, {
      width: now.video.frameWidth ?? null,
      height: now.video.frameHeight ?? null,
      roundTripMs: now.pair?.currentRoundTripTime === undefined ? null : now.pair.currentRoundTripTime * 1000,
      limit: LIMITS[now.video.qualityLimitationReason] ?? "–",
      codec: now.codecs[now.video.codecId]?.mimeType?.split("/")[1] ?? null,
      sentBytes: now.video.bytesSent + now.audio.bytesSent,
      keyframes: now.video.keyFramesEncoded ?? 0,
    });
    this.last = now;
    this.history.push(figures);
    if (this.history.length > KEPT_SECONDS) this.history.shift();
    return figures;
  }
}

function countersOf(report) {
  const nothing = { timestamp: 0, bytesSent: 0, packetsSent: 0, framesEncoded: 0 };
  const found = { video: nothing, audio: nothing, lostPackets: 0, pair: null, codecs: {} };
  for (const stats of report.values()) {
    if (stats.type === "outbound-rtp") found[stats.kind] = together(found[stats.kind], stats);
    if (stats.type === "remote-inbound-rtp") found.lostPackets += stats.packetsLost ?? 0;
    if (stats.type === "codec") found.codecs[stats.id] = stats;
    if (stats.type === "candidate-pair" && stats.nominated) found.pair = stats;
  }
  return found;
}

/** Layers of one picture are counted together, and shown as the largest of them. */
function together(sum, layer) {
  const isBetter = sum.timestamp === 0 || (layer.frameWidth ?? 0) > (sum.frameWidth ?? 0);
  return { ...(isBetter ? layer : sum), bytesSent: sum.bytesSent + layer.bytesSent, packetsSent: sum.packetsSent + layer.packetsSent };
}

function between(before, now, seconds) {
  const grown = (key) => now.video[key] - before.video[key] + now.audio[key] - before.audio[key];
  const sent = grown("packetsSent");
  return {
    bps: (grown("bytesSent") * 8) / seconds,
    framesPerSecond: Math.max(0, now.video.framesEncoded - before.video.framesEncoded) / seconds,
    loss: sent > 0 ? Math.min(1, Math.max(0, now.lostPackets - before.lostPackets) / sent) : null,
  };
}
