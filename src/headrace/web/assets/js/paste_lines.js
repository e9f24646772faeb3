// What to paste into other programs, to produce and to watch.

import { element, pasteBlock } from "./dom.js";

export const SRT_PORT = 8890;
const KEY = "STREAM_KEY";

function broker(srtPort) {
  return `${location.hostname}:${srtPort ?? SRT_PORT}`; // An IPv6 address has its brackets there already.
}

/** Blocks for encoders. In an open broker a channel's id is enough. */
export function producingBlocks({ srtPort, isOpen = false, channelId = "live" }) {
  const srt = `srt://${broker(srtPort)}?streamid=${isOpen ? `publish:${channelId}` : KEY}`;
  const whip = new URL(isOpen ? `/whip/${channelId}` : "/whip", location.href).href;
  const key = isOpen ? "" : `STREAM_KEY=${KEY} `;
  return [
    titled("OBS: Settings, Stream, Service: WHIP", whip + (isOpen ? "" : `\n${KEY}`), "the WHIP address for OBS"),
    titled("FFmpeg", `ffmpeg -re -i FILE -c copy -f mpegts \\\n  "${srt}&pkt_size=1316"`, "the line for FFmpeg"),
    titled("Headrace", `${key}headrace produce ${channelId} \\\n  --broker ${broker(srtPort)} --file FILE --loop`, "the line for headrace"),
  ];
}

/** Blocks for players. */
export function watchingBlocks({ srtPort, channelId }) {
  const srt = `srt://${broker(srtPort)}?streamid=${channelId}`;
  return [
    titled("Headrace", `headrace client --broker ${broker(srtPort)} ${channelId} --play`, "the line for headrace"),
    titled("ffplay", `ffplay -fflags nobuffer "${srt}"`, "the line for ffplay"),
    titled("VLC", `vlc "${srt}"`, "the line for VLC"),
    titled("Any WHEP player", new URL(`/whep/${encodeURIComponent(channelId)}`, location.href).href, "the WHEP address"),
  ];
}

function titled(title, text, what) {
  return element("div", {}, element("h3", {}, title), pasteBlock(text, what));
}
