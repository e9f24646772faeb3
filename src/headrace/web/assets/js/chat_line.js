// One line of a chat. What somebody wrote goes in as text, never as markup.

import { element } from "./dom.js";
import { timeOfDay } from "./format.js";

const COLOURS = 8;
const ROLES = { producer: "Producer", operator: "Operator" };

/** Make one line; `name` and `text` are anything. */
export function lineElement({ id, unix_ms: unixMs, name, text, role }) {
  return element(
    "li",
    { "data-id": id },
    element("time", { datetime: new Date(unixMs).toISOString() }, timeOfDay(unixMs)),
    ROLES[role] ? element("span", { class: `badge chat-role ${role === "operator" ? "badge-gauge" : "badge-live"}` }, ROLES[role]) : null,
    element("span", { class: `chat-name name-${colourOf(name)}` }, name),
    element("span", { class: "chat-words" }, text),
  );
}

function colourOf(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 65_521;
  return sum % COLOURS;
}
