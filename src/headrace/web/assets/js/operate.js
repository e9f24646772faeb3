// The operator's page.

import { api, inPath } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { sentence } from "./format.js";
import { Histories } from "./histories.js";
import { ChannelPanel } from "./operate_channel.js";
import { ChatPanel } from "./operate_chat.js";
import { KeysPanel } from "./operate_keys.js";
import { ChannelTable, showOverview } from "./operate_overview.js";
import { prepareTabs } from "./tabs.js";

const ASK_EACH_MS = 1000;
const CHAT_EACH_MS = 2000;
const TOKEN_KEY = "headrace-admin-token";

let token = keptToken();
let tab = "channels";
let knownIds = [];
const histories = new Histories();
const request = (path, options = {}) => api(path, { ...options, token });
const channelPanel = new ChannelPanel(request);
const channelTable = new ChannelTable((id) => {
  channelPanel.choose(id);
  refresh();
});
const keysPanel = new KeysPanel(request);
const chatPanel = new ChatPanel(request);

// For as long as the tab is open, so that a reload does not ask again.
function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY);
  } catch {
    return null;
  }
}

function keepToken(value) {
  token = value;
  try {
    if (value === null) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, value);
  } catch {
    // Then it lasts as long as the page.
  }
}

function showSignedIn(isIn) {
  byId("sign-in").hidden = isIn;
  byId("desk").hidden = !isIn;
  byId("sign-out").hidden = !isIn;
}

function refuse(text) {
  keepToken(null);
  showSignedIn(false);
  byId("admin-token").setAttribute("aria-invalid", String(Boolean(text)));
  byId("sign-in-problem").hidden = !text;
  setText(byId("sign-in-problem"), sentence(text));
  byId("admin-token").focus();
}

async function signIn(event) {
  event.preventDefault();
  keepToken(byId("admin-token").value.trim());
  byId("admin-token").value = "";
  if (await refresh()) start();
}

function start() {
  showSignedIn(true);
  prepareTabs(byId("tabs"), (name) => {
    tab = name;
    if (name === "keys") keysPanel.refresh();
    if (name === "chat") chatPanel.refresh();
  });
  byId("tabs").querySelector("[aria-selected=true]").focus({ preventScroll: true });
}

async function refresh() {
  if (token === null || document.hidden) return false;
  const wanted = channelPanel.chosenId === null ? "" : `?subscribers_of=${inPath(channelPanel.chosenId)}`;
  try {
    const status = await request(`/status${wanted}`);
    byId("desk-trouble").hidden = true;
    show(status);
    return true;
  } catch (error) {
    if (error.wantsToken) refuse(error.message);
    else if (byId("desk").hidden) refuse(error.message);
    else {
      byId("desk-trouble").hidden = false;
      setText(byId("desk-trouble-text"), sentence(error.message));
    }
    return false;
  }
}

function show(status) {
  status.channels.sort((one, other) => one.id.localeCompare(other.id));
  histories.note(status);
  showOverview(status, histories);
  channelTable.show(status.channels, channelPanel.chosenId, histories);
  channelPanel.show(status, histories);
  const ids = [...new Set([...knownIds, ...status.channels.map((one) => one.id)])].sort();
  knownIds = ids;
  keysPanel.suggest(ids);
  chatPanel.offer(ids);
  showEvents(status.events ?? []);
}

function showEvents(events) {
  const list = byId("event-rows");
  const newest = String(events.at(-1)?.number ?? "");
  byId("no-events").hidden = events.length > 0;
  if (list.dataset.newest === newest) return;
  list.dataset.newest = newest;
  list.replaceChildren(...events.slice().reverse().map(eventRow));
}

function eventRow({ number: _, unix_ms: unixMs, event, ...facts }) {
  const words = Object.entries(facts).map(([name, value]) => element("span", { class: "fact" }, `${name.replaceAll("_", " ")} `, element("code", {}, String(value))));
  return element(
    "tr",
    {},
    element("td", { class: "figure" }, new Date(unixMs).toLocaleTimeString()),
    element("th", { scope: "row" }, event.replaceAll("_", " ")),
    element("td", {}, ...words),
  );
}

byId("sign-in-form").addEventListener("submit", signIn);
byId("sign-out").addEventListener("click", () => refuse(""));
byId("channel-close").addEventListener("click", () => channelPanel.choose(channelPanel.chosenId));
for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
if (token === null) showSignedIn(false);
else if (await refresh()) start();
setInterval(refresh, ASK_EACH_MS);
setInterval(() => tab === "chat" && token !== null && !document.hidden && chatPanel.refresh(), CHAT_EACH_MS);
