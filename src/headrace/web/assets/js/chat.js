// The chat beside a player. What others wrote goes in as text, never as markup.

import { Backoff } from "./backoff.js";
import { lineElement } from "./chat_line.js";
import { byId, element, setText } from "./dom.js";

const KEPT_LINES = 200;
const NEAR_BOTTOM_PX = 48;
const NAME_KEY = "headrace-name";
/** Who listens is told how much was said, not each word: not more often than this. */
const SUMMARY_EACH_MS = 10_000;

export class Chat {
  #socket = null;
  #backoff = new Backoff();
  #unheard = 0;
  #unseen = 0;
  #isAloud = false;
  #isStopped = false;

  constructor(channelId, token = () => null) {
    this.channelId = channelId;
    this.token = token;
    this.lines = byId("chat-lines");
    this.scroll = byId("chat-scroll");
    byId("chat-name").value = storedName();
    byId("chat-form").addEventListener("submit", (event) => this.#handleSubmit(event));
    byId("chat-newest").addEventListener("click", () => this.#toNewest());
    byId("chat-aloud").addEventListener("click", () => this.#toggleAloud());
    this.scroll.addEventListener("scroll", () => this.#isAtBottom() && this.#seeAll());
    setInterval(() => this.#sumUp(), SUMMARY_EACH_MS);
  }

  connect() {
    this.#isStopped = false;
    const address = new URL(`/chat/${encodeURIComponent(this.channelId)}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    setText(byId("chat-state"), "connecting");
    socket.addEventListener("open", () => this.#join());
    socket.addEventListener("message", ({ data }) => this.#handle(JSON.parse(data)));
    socket.addEventListener("close", () => this.#handleClose(socket));
  }

  /** Write a message: put the cursor there. */
  focus() {
    byId(byId("chat-name").value ? "chat-text" : "chat-name").focus();
  }

  /** Come in again, with another token. */
  rejoin() {
    this.#backoff.reset();
    if (this.#socket?.readyState === WebSocket.OPEN) this.#join();
    else if (this.#isStopped) this.connect();
  }

  #join() {
    const token = this.token();
    this.#send({ type: "join", name: byId("chat-name").value.trim(), ...(token ? { token } : {}) });
  }

  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #handleClose(socket) {
    if (socket !== this.#socket) return;
    setText(byId("chat-state"), this.#isStopped ? "" : "connection lost, trying again");
    if (!this.#isStopped) setTimeout(() => this.connect(), this.#backoff.next());
  }

  #handle(message) {
    switch (message.type) {
      case "welcome":
        this.#backoff.reset();
        setText(byId("chat-state"), "");
        if (message.name && message.has_token_name) this.#fixName(message.name);
        if (message.token_fault) this.#tell(`Your token gives you no name or role here: ${message.token_fault}`);
        break;
      case "history":
        this.lines.replaceChildren(...message.lines.slice(-KEPT_LINES).map(lineElement));
        this.#showEmpty();
        this.#toNewest();
        break;
      case "line":
        this.#add(message);
        break;
      case "removed":
        this.#remove(message.id);
        break;
      case "refused":
        this.#refuse(message);
        break;
    }
  }

  #fixName(name) {
    byId("chat-name").value = name;
    byId("chat-name").readOnly = true;
  }

  #add(line) {
    const wasAtBottom = this.#isAtBottom();
    const made = lineElement(line);
    this.lines.append(made);
    while (this.lines.childElementCount > KEPT_LINES) this.lines.firstElementChild.remove();
    this.#showEmpty();
    if (this.#isAloud) byId("chat-heard").textContent = `${line.name}: ${line.text}`;
    else this.#unheard += 1;
    if (wasAtBottom) this.#toNewest();
    else this.#showUnseen(this.#unseen + 1);
  }

  #remove(id) {
    const line = this.lines.querySelector(`[data-id="${CSS.escape(String(id))}"]`);
    line?.replaceChildren(element("span", { class: "is-removed" }, "Message removed"));
  }

  #refuse({ why, retry_seconds: retrySeconds, is_final: isFinal }) {
    if (isFinal) this.#isStopped = true;
    this.#tell(why, retrySeconds ?? 0);
  }

  #tell(words, seconds = 0) {
    const shown = byId("chat-refused");
    shown.hidden = false;
    setText(shown, words);
    setTimeout(() => (shown.hidden = true), Math.max(5, seconds) * 1000);
  }

  #handleSubmit(event) {
    event.preventDefault();
    const [name, text] = [byId("chat-name"), byId("chat-text")];
    if (!name.value.trim()) return name.focus();
    if (!text.value.trim()) return text.focus();
    if (name.value.trim() !== storedName()) {
      storeName(name.value.trim());
      this.#join();
    }
    if (this.#send({ type: "say", text: text.value.trim() })) text.value = "";
    this.#toNewest();
  }

  #isAtBottom() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_BOTTOM_PX;
  }

  #toNewest() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.#seeAll();
  }

  #seeAll() {
    this.#showUnseen(0);
  }

  #showUnseen(count) {
    this.#unseen = count;
    byId("chat-newest").hidden = count === 0;
    setText(byId("chat-newest-text"), count === 1 ? "1 new message" : `${count} new messages`);
  }

  #showEmpty() {
    byId("chat-empty").hidden = this.lines.childElementCount > 0;
  }

  #toggleAloud() {
    this.#isAloud = !this.#isAloud;
    byId("chat-aloud").setAttribute("aria-pressed", String(this.#isAloud));
  }

  #sumUp() {
    if (this.#unheard > 0) byId("chat-heard").textContent = `${this.#unheard} new chat ${this.#unheard === 1 ? "message" : "messages"}`;
    this.#unheard = 0;
  }
}

function storedName() {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function storeName(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Then it is asked for again next time.
  }
}
