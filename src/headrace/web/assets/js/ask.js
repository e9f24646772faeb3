// Questions before what cannot be taken back.

import { byId, setText } from "./dom.js";

/** Ask in a dialog; returns whether it was agreed to. */
export function ask(title, text, verb) {
  const dialog = byId("ask");
  setText(byId("ask-heading"), title);
  setText(byId("ask-text"), text);
  setText(byId("ask-yes"), verb);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
