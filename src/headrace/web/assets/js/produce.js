// The studio: a camera or a screen, a sound, a key, and live.

import { inPath } from "./api.js";
import { canCapture, captureTrouble, closeStream, listDevices, openCamera, openMicrophone, openScreen } from "./capture.js";
import { drawChart } from "./chart.js";
import { byId, element, setIcon, setLabel, setText } from "./dom.js";
import { clock, mbps, megabytes, ms, percent, sentence } from "./format.js";
import { SoundMixer } from "./sound_mixer.js";
import { WhipPublisher } from "./whip_publisher.js";

const POINTS = 120;
const SETTINGS_KEY = "headrace-studio";
const KEPT = ["size", "rate", "bitrate"];

const publisher = new WhipPublisher();
const sources = { picture: null, microphone: null, isScreen: false };
let mixer = null;
let isMuted = false;
let liveSinceMs = null;
let wakeLock = null;
const cells = new Map();

function wanted() {
  const [width, height] = byId("size").value.split("x").map(Number);
  return { width, height, framesPerSecond: Number(byId("rate").value) };
}

function showTrouble(text) {
  byId("trouble").hidden = !text;
  setText(byId("trouble-text"), sentence(text ?? ""));
}

async function usePicture(open, what, isScreen) {
  showTrouble(null);
  if (!canCapture()) return showTrouble("The browser gives cameras and screens only to pages with https, or on this machine itself. Open this page as http://localhost or behind https.");
  let stream;
  try {
    stream = await open();
  } catch (error) {
    // Who closes the list of screens has changed their mind: nothing went wrong.
    if (!(isScreen && error.name === "NotAllowedError")) showTrouble(captureTrouble(error, what));
    return;
  }
  closeStream(sources.picture);
  Object.assign(sources, { picture: stream, isScreen });
  const [video] = stream.getVideoTracks();
  video.addEventListener("ended", () => showTrouble(`The ${what} was switched off. Choose another picture: who watches waits.`));
  byId("preview").srcObject = stream;
  byId("preview").play();
  byId("preview-blank").hidden = true;
  byId("preview-frame").classList.toggle("is-mirrored", !isScreen && video.getSettings().facingMode !== "environment");
  byId("camera").setAttribute("aria-pressed", String(!isScreen));
  byId("screen").setAttribute("aria-pressed", String(isScreen));
  await prepareSound();
  mixer.set("screen", isScreen ? stream : null);
  if (publisher.state !== "stopped") await publisher.replaceVideo(video, isScreen);
  await listDevices(byId("camera-device"), byId("microphone-device"));
}

const useCamera = () => usePicture(() => openCamera(byId("camera-device").value, wanted()), "camera", false);
const useScreen = () => usePicture(() => openScreen(wanted()), "screen", true);

async function prepareSound() {
  if (mixer) return;
  mixer = new SoundMixer();
  mixer.isMuted = isMuted;
  byId("level").hidden = false;
  requestAnimationFrame(showLevel);
  await useMicrophone();
}

async function useMicrophone() {
  if (!mixer) return;
  try {
    const stream = await openMicrophone(byId("microphone-device").value);
    closeStream(sources.microphone);
    sources.microphone = stream;
    mixer.set("microphone", stream);
  } catch (error) {
    showTrouble(`${captureTrouble(error, "microphone")} The picture goes out without it.`);
  }
}

function showLevel() {
  byId("level-now").style.transform = `scaleY(${mixer.level().toFixed(3)})`;
  requestAnimationFrame(showLevel);
}

function toggleSound() {
  isMuted = !isMuted;
  if (mixer) mixer.isMuted = isMuted;
  const button = byId("microphone");
  button.setAttribute("aria-pressed", String(!isMuted));
  setIcon(button, isMuted ? "mic-off" : "mic");
  setText(byId("microphone-text"), isMuted ? "Sound off" : "Sound on");
}

function keyProblem(text) {
  byId("key").setAttribute("aria-invalid", String(Boolean(text)));
  byId("key-problem").hidden = !text;
  setText(byId("key-problem"), sentence(text ?? ""));
}

async function goLive(event) {
  event.preventDefault();
  const [key, channel] = [byId("key").value.trim(), byId("channel").value.trim()];
  keyProblem(key || channel ? null : "Paste your stream key, or name a channel if the broker is open.");
  if (!key && !channel) return byId("key").focus();
  if (!sources.picture?.active) await useCamera();
  if (!sources.picture?.active) return;
  const tracks = { video: sources.picture.getVideoTracks()[0], audio: mixer.track };
  await publisher.start(tracks, {
    url: channel ? `/whip/${inPath(channel)}` : "/whip",
    token: key,
    maxBps: Number(byId("bitrate").value) * 1e6,
    framesPerSecond: wanted().framesPerSecond,
    isScreen: sources.isScreen,
    hasLayers: byId("layers").checked,
  });
}

const STATES = {
  stopped: () => "Not live.",
  connecting: () => "Connecting.",
  live: () => "You are live.",
  retrying: (problem, retryMs) => `${sentence(problem.message)} Trying again${retryMs > 1500 ? ` in ${Math.round(retryMs / 1000)} s` : ""}.`,
};

function showState({ state, problem, retryMs }) {
  const isStopped = state === "stopped";
  setText(byId("studio-state"), STATES[state](problem, retryMs));
  byId("preview-frame").dataset.state = state;
  byId("go").hidden = !isStopped;
  byId("stop").hidden = isStopped;
  byId("live-badge").hidden = state !== "live";
  for (const id of ["key", "channel", "layers"]) byId(id).disabled = !isStopped;
  if (state === "live") {
    liveSinceMs ??= Date.now();
    byId("live-figures").hidden = false;
    stayAwake();
  }
  if (isStopped) {
    liveSinceMs = null;
    wakeLock?.release();
    wakeLock = null;
    // Where the focus was is gone.
    if (document.activeElement === document.body) byId("go").focus();
  }
  showWatchLink(state === "live");
  if (problem?.wantsToken) keyProblem(problem.message);
  else if (isStopped && problem) showTrouble(problem.message);
  else if (state === "live") showTrouble(null);
}

function showWatchLink(isLive) {
  const channelId = isLive ? (publisher.channelId ?? byId("channel").value.trim()) : "";
  byId("watch-link").hidden = !channelId;
  byId("watch-link").href = `/watch/${inPath(channelId)}`;
}

async function stayAwake() {
  wakeLock ??= await navigator.wakeLock?.request("screen").catch(() => null);
}

function showFigures(figures) {
  setText(byId("sent-now"), mbps(figures.bps));
  setText(byId("lost-now"), percent(figures.loss));
  const { history } = publisher.figures;
  drawChart(byId("sent-chart"), [{ className: "", values: history.map((one) => (one.bps === null ? null : one.bps / 1e6)), isArea: true }], { points: POINTS, least: 1, format: (value) => `${value} Mbit/s` });
  drawChart(byId("lost-chart"), [{ className: "chart-bad", values: history.map((one) => one.loss), isArea: true }], { points: POINTS, least: 0.01, format: (value) => `${value * 100} %` });
  const rows = [
    ["Picture", figures.width ? `${figures.width} × ${figures.height}` : "–"],
    ["Frames a second", figures.framesPerSecond === null ? "–" : figures.framesPerSecond.toFixed(1)],
    ["Held down by", figures.limit],
    ["Round trip", ms(figures.roundTripMs)],
    ["Codec", figures.codec ?? "–"],
    ["Sent in all", megabytes(figures.sentBytes)],
  ];
  for (const [name, value] of rows) showCell(name, value);
  byId("preview-size").hidden = !figures.width;
  setText(byId("preview-size"), `${figures.height}p`);
}

function showCell(name, value) {
  if (!cells.has(name)) {
    const cell = element("dd");
    byId("figure-list").append(element("div", {}, element("dt", {}, name), cell));
    cells.set(name, cell);
  }
  setText(cells.get(name), value);
}

async function applySize() {
  const [video] = sources.picture?.getVideoTracks() ?? [];
  const { width, height, framesPerSecond } = wanted();
  await video?.applyConstraints({ width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: framesPerSecond } }).catch((error) => showTrouble(captureTrouble(error, "camera")));
  keepSettings();
}

function showBitrate() {
  setText(byId("bitrate-now"), Number(byId("bitrate").value).toFixed(1));
}

function keepSettings() {
  try {
    localStorage.setItem(SETTINGS_KEY, JSON.stringify({ ...Object.fromEntries(KEPT.map((id) => [id, byId(id).value])), hasLayers: byId("layers").checked }));
  } catch {
    // Then they are chosen again next time.
  }
}

function restoreSettings() {
  try {
    const { hasLayers = true, ...kept } = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? "{}");
    for (const [id, value] of Object.entries(kept)) if (KEPT.includes(id)) byId(id).value = value;
    byId("layers").checked = hasLayers;
  } catch {
    // What is there is not ours: as it was.
  }
  showBitrate();
}

restoreSettings();
byId("camera").addEventListener("click", useCamera);
byId("screen").addEventListener("click", useScreen);
byId("screen").hidden = !navigator.mediaDevices?.getDisplayMedia;
byId("microphone").addEventListener("click", toggleSound);
byId("camera-device").addEventListener("change", useCamera);
byId("microphone-device").addEventListener("change", useMicrophone);
for (const id of ["size", "rate"]) byId(id).addEventListener("change", applySize);
byId("layers").addEventListener("change", keepSettings);
byId("bitrate").addEventListener("input", showBitrate);
byId("bitrate").addEventListener("change", () => {
  keepSettings();
  if (publisher.state !== "stopped") publisher.setMaxBps(Number(byId("bitrate").value) * 1e6);
});
byId("show-key").addEventListener("click", () => {
  const isShown = byId("key").type === "password";
  byId("key").type = isShown ? "text" : "password";
  byId("show-key").setAttribute("aria-pressed", String(isShown));
  setLabel(byId("show-key"), isShown ? "Hide the key" : "Show the key");
});
byId("studio-form").addEventListener("submit", goLive);
byId("stop").addEventListener("click", () => publisher.stop());
publisher.addEventListener("state", ({ detail }) => showState(detail));
publisher.addEventListener("figures", ({ detail }) => showFigures(detail));
setInterval(() => liveSinceMs !== null && setText(byId("live-for"), clock((Date.now() - liveSinceMs) / 1000)), 1000);
addEventListener("beforeunload", (event) => publisher.state !== "stopped" && event.preventDefault());
