// The chat of a channel, for who keeps order in it: remove what was said, mute who said it.

import { inPath } from "./api.js";
import { lineElement } from "./chat_line.js";
import { byId, element, icon, setText, toast } from "./dom.js";

export class ChatPanel {
  #shape = "";

  constructor(request) {
    this.request = request;
    byId("moderated").addEventListener("change", () => this.refresh());
  }

  /** Offer these channels. */
  offer(ids) {
    const list = byId("moderated");
    if (list.dataset.ids === ids.join()) return;
    list.dataset.ids = ids.join();
    const chosen = list.value;
    list.replaceChildren(...ids.map((id) => new Option(id)));
    if (ids.includes(chosen)) list.value = chosen;
  }

  async refresh() {
    const id = byId("moderated").value;
    byId("chat-none").hidden = Boolean(id);
    if (!id) return;
    try {
      this.#show(id, await this.request(`/channels/${inPath(id)}/chat`));
      setText(byId("moderate-problem"), "");
    } catch (error) {
      setText(byId("moderate-problem"), error.message);
    }
  }

  #show(id, { lines, muted }) {
    const shape = JSON.stringify([id, lines.map((one) => one.id), muted]);
    if (shape === this.#shape) return;
    this.#shape = shape;
    byId("moderated-lines").replaceChildren(...lines.map((line) => this.#line(id, line, muted.includes(line.name))).reverse());
    byId("moderated-empty").hidden = lines.length > 0;
    byId("muted").hidden = muted.length === 0;
    byId("muted-list").replaceChildren(...muted.map((name) => element("li", {}, this.#button("volume", `Let ${name} speak`, `/channels/${inPath(id)}/muted/${inPath(name)}`, "DELETE", name))));
  }

  #line(id, line, isMuted) {
    const made = lineElement(line);
    const tools = element(
      "span",
      { class: "line-tools" },
      this.#button("trash", `Remove what ${line.name} said: ${line.text.slice(0, 40)}`, `/channels/${inPath(id)}/chat/${inPath(String(line.id))}`, "DELETE", "Remove"),
      isMuted ? null : this.#button("silence", `Mute ${line.name}`, `/channels/${inPath(id)}/muted/${inPath(line.name)}`, "PUT", "Mute"),
    );
    made.append(tools);
    return made;
  }

  #button(iconName, label, path, method, text) {
    const run = async () => {
      try {
        await this.request(path, { method });
        await this.refresh();
      } catch (error) {
        toast(error.message);
      }
    };
    return element("button", { type: "button", class: "button button-small", "aria-label": label, title: label, on: { click: run } }, icon(iconName), text);
  }
}
