// What is live now. It keeps itself up to date, and changes only what has changed.

import { api, inPath } from "./api.js";
import { byId, drawn, element, icon, setText } from "./dom.js";
import { clock, count, short, spokenDuration } from "./format.js";
import { producingBlocks } from "./paste_lines.js";

const ASK_EACH_MS = 3000;
const PICTURE_EACH_MS = 5000;
/** Fewer are found by looking. */
const SEARCH_FROM_CHANNELS = 7;
/** With fewer, none is larger than the others. */
const LEAD_FROM_CHANNELS = 3;

const cards = new Map();
let filter = "";
let newest = null;

async function refresh() {
  if (document.hidden) return;
  try {
    newest = await api("/channels");
    byId("trouble").hidden = true;
    show();
  } catch (error) {
    byId("trouble").hidden = false;
    setText(byId("trouble-text"), newest ? `${error.message} This is what was live before.` : error.message);
  }
}

function show() {
  byId("main").setAttribute("aria-busy", "false");
  const live = newest.channels.filter((one) => one.state === "live");
  const waiting = newest.channels.filter((one) => one.state !== "live" && one.viewers > 0);
  const viewers = live.reduce((sum, one) => sum + one.viewers, 0);
  setText(byId("sum"), live.length ? `${count(live.length, "channel")}, ${count(viewers, "viewer")}` : "No channel is live");
  byId("search").hidden = live.length < SEARCH_FROM_CHANNELS && !filter;
  const shown = live.filter(matches);
  byId("no-match").hidden = shown.length > 0 || live.length === 0;
  showCards(shown, live.length >= LEAD_FROM_CHANNELS && !filter);
  showWaiting(waiting);
  showEmpty(live.length === 0);
}

function matches({ id, title }) {
  return `${title ?? ""} ${id}`.toLocaleLowerCase().includes(filter);
}

function showCards(channels, hasLead) {
  const list = byId("cards");
  const wanted = new Set(channels.map((one) => one.id));
  for (const [id, card] of cards) {
    if (wanted.has(id)) continue;
    card.root.remove();
    cards.delete(id);
  }
  for (const placeholder of list.querySelectorAll("[aria-hidden=true].card")) placeholder.remove();
  channels.forEach((channel, at) => {
    if (!cards.has(channel.id)) cards.set(channel.id, new Card(channel.id));
    const card = cards.get(channel.id);
    card.show(channel, hasLead && at === 0);
    // What has the focus keeps it: an element that is moved loses it.
    if (list.children[at] !== card.root && !card.root.contains(document.activeElement)) list.insertBefore(card.root, list.children[at] ?? null);
  });
}

class Card {
  constructor(id) {
    this.id = id;
    this.picture = element("img", { alt: "", width: "480", height: "270", decoding: "async" });
    this.blank = element("span", { class: "card-blank" }, wheel());
    this.liveFor = element("span", { class: "figure" });
    this.viewers = element("span", { class: "figure" });
    this.size = element("span", { class: "badge badge-glass" });
    this.title = element("a", { href: `/watch/${inPath(id)}` });
    this.heard = element("span", { class: "only-heard" });
    this.code = element("code", {}, id);
    this.notice = element("span", { class: "badge badge-gauge" }, icon("warning"), "Not for browsers");
    this.root = element(
      "li",
      { class: "card" },
      element(
        "div",
        { class: "card-picture", "aria-hidden": "true" },
        this.blank,
        this.picture,
        element("div", { class: "card-top" }, element("span", { class: "badge badge-live" }, "LIVE ", this.liveFor), this.notice),
        element("div", { class: "card-bottom" }, element("span", { class: "badge badge-glass" }, icon("eye"), this.viewers), this.size),
      ),
      element("h2", {}, this.title),
      element("p", { class: "card-line" }, this.code, this.heard),
      element("span", { class: "button button-first lead-go", "aria-hidden": "true" }, icon("play"), "Watch"),
    );
    this.askedMs = 0;
  }

  show(channel, isLead) {
    this.sinceMs = Date.now() - (channel.live_seconds ?? 0) * 1000;
    this.root.classList.toggle("is-lead", isLead);
    this.heard.classList.toggle("only-heard", !isLead); // The others have it as figures on the picture.
    setText(this.title, channel.title || channel.id);
    this.code.hidden = !channel.title; // Then the id is what the card is called.
    setText(this.viewers, short(channel.viewers));
    setText(this.size, sizeOf(channel.video));
    this.size.hidden = !this.size.textContent;
    const isForBrowsers = channel.in_browsers !== "not";
    this.notice.hidden = isForBrowsers;
    const notice = isForBrowsers ? "" : ", browsers cannot play it";
    setText(this.heard, `${count(channel.viewers, "viewer")}, live for ${spokenDuration(channel.live_seconds ?? 0)}${notice}`);
    this.tick();
    if (channel.thumbnail) this.refreshPicture();
  }

  tick() {
    setText(this.liveFor, clock((Date.now() - this.sinceMs) / 1000));
  }

  /** Show the newest picture once it has come: no card goes blank in between. */
  refreshPicture() {
    if (Date.now() - this.askedMs < PICTURE_EACH_MS) return;
    this.askedMs = Date.now();
    const next = new Image();
    next.addEventListener("load", () => {
      this.picture.src = next.src;
      this.blank.hidden = true;
    });
    next.src = `/thumbnails/${inPath(this.id)}.jpg?at=${Math.floor(Date.now() / PICTURE_EACH_MS)}`;
  }
}

function sizeOf(video) {
  return video?.height ? `${video.height}p` : "";
}

function wheel() {
  const spokes = "M16 4v24M4 16h24M7.5 7.5l17 17M24.5 7.5l-17 17";
  return drawn(
    "svg",
    { viewBox: "0 0 32 32", fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round" },
    drawn("circle", { cx: 16, cy: 16, r: 9 }),
    drawn("path", { d: spokes }),
  );
}

function showWaiting(channels) {
  byId("waiting").hidden = channels.length === 0;
  byId("waiting-list").replaceChildren(
    ...channels.map(({ id, title, viewers }) =>
      element("li", {}, element("a", { class: "button", href: `/watch/${inPath(id)}` }, `${title || id} · ${short(viewers)}`)),
    ),
  );
}

function showEmpty(isEmpty) {
  if (byId("empty").hidden === !isEmpty) return;
  byId("empty").hidden = !isEmpty;
  if (!isEmpty) return;
  const isOpen = newest.is_open ?? false;
  setText(
    byId("empty-hint"),
    isOpen
      ? "Anybody may produce here: choose an id for the channel, and it stands on this page as soon as pictures come."
      : "Paste your stream key where it says STREAM_KEY. The channel stands on this page as soon as pictures come.",
  );
  byId("empty-lines").replaceChildren(...producingBlocks({ srtPort: newest.srt_port, isOpen }));
}

byId("filter").addEventListener("input", (event) => {
  filter = event.target.value.trim().toLocaleLowerCase();
  if (newest) show();
});
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, ASK_EACH_MS);
setInterval(() => cards.forEach((card) => card.tick()), 1000);
refresh();
