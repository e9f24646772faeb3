// The page of one channel.

import { api, inPath } from "./api.js";
import { Chat } from "./chat.js";
import { byId, copyText, setLabel, setText, toast } from "./dom.js";
import { FiguresPanel } from "./figures_panel.js";
import { clock, count, duration, sentence } from "./format.js";
import { watchingBlocks } from "./paste_lines.js";
import { PlayerBar } from "./player_bar.js";
import { QualityMenu } from "./quality_menu.js";
import { WhepPlayer } from "./whep_player.js";

const ASK_EACH_MS = 3000;
const TOKEN_KEY = "headrace-viewer-token:";

const channelId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const video = byId("video");
const player = new WhepPlayer(`/whep/${inPath(channelId)}`, video);
const bar = new PlayerBar({ video, isPlaying: () => player.state === "playing", toggle });
const panel = new FiguresPanel(() => player.figures.history);
const quality = new QualityMenu((rid) => player.choose(rid));
const chat = new Chat(channelId, () => player.token);
let channel = null;
let liveSinceMs = null;

const SAID = {
  stopped: ["Paused", "Press play to go on live."],
  connecting: ["Connecting", ""],
  waiting: ["Waiting for the producer", "The picture comes by itself as soon as the channel is live."],
  absent: ["There is no such channel", "Its address may be misspelt, or the channel was removed. If it is added, the picture comes by itself."],
  retrying: ["Trying again", ""],
  token: ["This channel is private", "It is watched with a token, which you get from whoever runs the channel."],
  unplayable: ["This browser cannot play the channel", ""],
  playing: ["Playing", ""],
};
const TOKEN_REFUSED = "This token does not open it: it may have expired, or be misspelt. You get a new one from whoever runs the channel.";

function toggle() {
  if (player.isWanted) {
    hold();
    player.stop();
  } else player.start();
}

/** Keep the last picture, dimmed, while there is no newer one. */
function hold() {
  const held = byId("held");
  if (!video.videoWidth) return;
  [held.width, held.height] = [video.videoWidth, video.videoHeight];
  held.getContext("2d").drawImage(video, 0, 0);
  held.hidden = false;
}

function showState({ state, message, retryMs }) {
  const frame = byId("player");
  if (frame.dataset.state === "playing" && state !== "playing") hold();
  frame.dataset.state = state;
  const [title, text] = SAID[state];
  setText(byId("curtain-title"), title);
  const wait = retryMs > 1500 && state !== "absent" ? ` Next try in ${Math.round(retryMs / 1000)} s.` : "";
  const ours = state === "token" && player.token ? TOKEN_REFUSED : text;
  setText(byId("curtain-text"), `${sentence(message) || ours}${wait}`);
  byId("curtain-directory").hidden = state !== "absent";
  byId("curtain-again").hidden = !["retrying", "unplayable"].includes(state) || retryMs < 1500;
  byId("token-form").hidden = state !== "token";
  if (state === "token") byId("token").setAttribute("aria-invalid", String(player.token !== null));
  setText(byId("delay-state"), state === "playing" ? "Live" : "Off");
  if (state === "playing") byId("held").hidden = true;
  bar.showPlaying(player.isWanted);
}

async function askForChannel() {
  if (player.state === "token") return;
  try {
    channel = await api(`/channels/${inPath(channelId)}`, { token: player.token });
    showChannel();
    player.noteLive(channel.state === "live");
  } catch (error) {
    if (!channel) setText(byId("title"), channelId);
    if (error.status === 404) showLive(false);
  }
}

function showChannel() {
  const title = channel.title || channel.id;
  setText(byId("title"), title);
  document.title = `${title} · Headrace`;
  showLive(channel.state === "live");
  liveSinceMs = channel.live_seconds === null ? null : Date.now() - channel.live_seconds * 1000;
  byId("viewers").hidden = false;
  setText(byId("viewers"), `${count(channel.viewers, "viewer")}`);
  const video_ = channel.video;
  const recoded = channel.in_browsers === "recoded" ? ", re-encoded for browsers" : "";
  setText(byId("codec"), video_?.height ? `${video_.codec.toUpperCase()} ${video_.width} × ${video_.height}${recoded}` : "");
  if (channel.layers.length) player.lookForLayers();
  else quality.show({ layers: [], current: null, wanted: null });
  byId("notice").hidden = !channel.notice;
  setText(byId("notice-text"), channel.notice ?? "");
}

function showLive(isLive) {
  byId("live-badge").hidden = !isLive;
  byId("waiting-badge").hidden = isLive;
}

function showClock() {
  if (liveSinceMs === null) return;
  const seconds = (Date.now() - liveSinceMs) / 1000;
  setText(byId("live-for"), clock(seconds));
  byId("live-for").title = `Live for ${duration(seconds)}`;
}

function toggleWide() {
  const isWide = document.querySelector(".stage").classList.toggle("is-wide");
  byId("wide").setAttribute("aria-pressed", String(isWide));
  setLabel(byId("wide"), isWide ? "Show the chat" : "Hide the chat", "t");
}

function showElsewhere() {
  byId("elsewhere-lines").replaceChildren(...watchingBlocks({ srtPort: channel?.srt_port, channelId }));
  byId("elsewhere-dialog").showModal();
}

async function share() {
  const address = new URL(location.pathname, location.href).href; // Without a token that may stand in the address.
  if (navigator.share && matchMedia("(pointer: coarse)").matches) await navigator.share({ title: document.title, url: address }).catch(() => {});
  else await copyText(address);
}

function takeToken() {
  const parameters = new URLSearchParams(location.search);
  const given = parameters.get("token");
  if (given) {
    parameters.delete("token");
    // It shall not stay in the address, where a screenshot or a copied link would show it.
    history.replaceState(null, "", location.pathname + (parameters.size ? `?${parameters}` : ""));
    keepToken(given);
  }
  player.token = given ?? keptToken();
}

function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY + channelId);
  } catch {
    return null;
  }
}

function keepToken(token) {
  try {
    sessionStorage.setItem(TOKEN_KEY + channelId, token);
  } catch {
    toast("This browser keeps nothing: the token is wanted again after a reload");
  }
}

takeToken();
setText(byId("channel-id"), channelId);
player.addEventListener("state", ({ detail }) => showState(detail));
player.addEventListener("figures", ({ detail }) => panel.show(detail));
player.addEventListener("layers", ({ detail }) => quality.show(detail));
player.addEventListener("stream", () => bar.begin());
byId("curtain-again").addEventListener("click", () => player.start());
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  player.token = byId("token").value.trim();
  keepToken(player.token);
  player.start(); // From here on the state is another one, and the channel may be asked for.
  askForChannel();
  chat.rejoin();
});
byId("wide").addEventListener("click", toggleWide);
byId("share").addEventListener("click", share);
byId("elsewhere").addEventListener("click", showElsewhere);
byId("shortcuts").addEventListener("click", () => byId("shortcuts-dialog").showModal());
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
Object.assign(bar.keys, { t: toggleWide, s: () => panel.toggle(), c: () => chat.focus(), "?": () => byId("shortcuts-dialog").showModal() });
player.start();
chat.connect();
askForChannel();
setInterval(askForChannel, ASK_EACH_MS);
setInterval(showClock, 1000);
