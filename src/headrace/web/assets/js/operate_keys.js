// Stream keys: who may produce. A new key is shown this once; the broker keeps its digest alone.

import { ask } from "./ask.js";
import { inPath } from "./api.js";
import { byId, element, icon, pasteBlock, setText, toast } from "./dom.js";

export class KeysPanel {
  constructor(request) {
    this.request = request;
    byId("key-form").addEventListener("submit", (event) => this.#add(event));
    byId("key-dialog").addEventListener("close", () => byId("key-once").replaceChildren());
  }

  async refresh() {
    try {
      const { keys } = await this.request("/keys");
      this.#show(keys);
      this.#problem(null);
    } catch (error) {
      this.#problem(error.message);
    }
  }

  /** Offer the ids of channels that are known. */
  suggest(ids) {
    const list = byId("channel-ids");
    if (list.dataset.ids === ids.join()) return;
    list.dataset.ids = ids.join();
    list.replaceChildren(...ids.map((id) => new Option(id)));
  }

  #problem(text) {
    byId("keys-problem").hidden = !text;
    setText(byId("keys-problem-text"), text ?? "");
  }

  #show(keys) {
    byId("key-table").hidden = keys.length === 0;
    byId("no-keys").hidden = keys.length > 0;
    byId("key-rows").replaceChildren(...keys.map((key) => this.#row(key)));
  }

  #row(key) {
    const isRevoked = key.revoked_unix_s !== null && key.revoked_unix_s !== undefined;
    const revoke = element(
      "button",
      { type: "button", class: "button button-small button-bad", "aria-label": `Revoke key ${key.key_id} of ${key.channel_id}`, on: { click: () => this.#revoke(key) } },
      icon("trash"),
      "Revoke",
    );
    return element(
      "tr",
      { class: isRevoked ? "is-over" : "" },
      element("th", { scope: "row" }, element("code", {}, key.channel_id)),
      element("td", { class: "number" }, String(key.key_id)),
      element("td", {}, key.label || "–"),
      element("td", {}, dateOf(key.created_unix_s)),
      element("td", {}, isRevoked ? `revoked ${dateOf(key.revoked_unix_s)}` : element("span", { class: "badge badge-good" }, "opens its channel")),
      element("td", {}, isRevoked ? "" : revoke),
    );
  }

  async #add(event) {
    event.preventDefault();
    const [channel, label] = [byId("key-channel").value.trim(), byId("key-label").value.trim()];
    if (!channel) return byId("key-channel").focus();
    try {
      const made = await this.request("/keys", { method: "POST", body: { channel_id: channel, label } });
      setText(byId("key-dialog-heading"), `A new key for ${channel}`);
      byId("key-once").replaceChildren(pasteBlock(made.key, "the key"), pasteBlock(`${new URL("/whip", location.href).href}\n${made.key}`, "address and key for OBS"));
      byId("key-dialog").showModal();
      byId("key-label").value = "";
      await this.refresh();
    } catch (error) {
      this.#problem(error.message);
    }
  }

  async #revoke(key) {
    const text = `Key ${key.key_id} opens ${key.channel_id} no more, and who produces with it is sent away. This cannot be taken back.`;
    if (!(await ask("Revoke the key?", text, "Revoke"))) return;
    try {
      await this.request(`/keys/${inPath(key.channel_id)}/${key.key_id}`, { method: "DELETE" });
      toast("Revoked");
      await this.refresh();
    } catch (error) {
      this.#problem(error.message);
    }
  }
}

function dateOf(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
