// Small helpers for the page. Text always goes in as text: nothing here takes markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = new URL("../img/icons.svg", import.meta.url).pathname;

/** Return the element with an id, which must be there. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Make an element: attributes by name, `on` for listeners, then children; null ones are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Make an element of SVG. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Make an icon of `img/icons.svg`, which says nothing to a screen reader. */
export function icon(name) {
  return drawn("svg", { "aria-hidden": "true" }, drawn("use", { href: `${ICONS}#${name}` }));
}

/** Show another icon in a button that has one. */
export function setIcon(button, name) {
  button.querySelector("use").setAttribute("href", `${ICONS}#${name}`);
}

/** Give a button its name, for who hears it and who points at it. */
export function setLabel(button, label, shortcut = "") {
  button.setAttribute("aria-label", label);
  button.title = shortcut ? `${label} (${shortcut})` : label;
  if (shortcut) button.setAttribute("aria-keyshortcuts", shortcut);
}

/** Set text, only if it differs, so that nothing is read out twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

let heard = null;

/** Have a screen reader say something when it has time. */
export function announce(text) {
  heard ??= document.body.appendChild(element("p", { class: "only-heard", role: "status" }));
  heard.textContent = text;
}

let toastTimer = 0;

/** Show a line for a moment, and have it read out. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const shown = element("p", { class: "toast", role: "status" }, text);
  (document.fullscreenElement ?? document.body).append(shown);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => shown.remove(), 4000);
}

/** Put text on the clipboard and say so; where that is not allowed (no HTTPS) select it instead. */
export async function copyText(text, from) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    if (from) getSelection().selectAllChildren(from);
    toast("Press Ctrl+C to copy");
  }
}

/** Make a block of lines to paste, with a button that copies them. */
export function pasteBlock(text, what) {
  const lines = element("pre", { tabindex: "0" }, element("code", {}, text));
  const copy = element(
    "button",
    { type: "button", class: "button button-small", "aria-label": `Copy ${what}`, on: { click: () => copyText(text, lines) } },
    icon("copy"),
    "Copy",
  );
  return element("div", { class: "paste" }, lines, copy);
}
