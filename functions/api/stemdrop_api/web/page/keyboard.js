// The keys of the page, and the help sheet, which shows the same table.

import { announce, byId, createElement } from "./dom.js";
import { openNeighbor } from "./neighbor-song.js";

const STORAGE_KEY = "stemdrop.keys"; // "off" after the user has turned off the keys without a modifier
const LONG_STEP_S = 5;
const SHORT_STEP_S = 1;
// Elements that use some of the keys themselves.
const TAKES_TEXT = "textarea, select, [contenteditable], " +
  "input:not([type=range], [type=checkbox], [type=radio], [type=file])";
const TAKES_SPACE = "button, summary, a, [role=slider], [type=checkbox], [type=radio], [type=file]";
const TAKES_ARROWS = "[type=range], [type=radio], [role=slider]";

/**
 * Every shortcut, by group: its keys, what it does, and a function of the open player and the event. Those
 * with `isGlobal` need no open song. `labels` replaces the keys in the help sheet.
 */
const SHORTCUTS = {
  Play: [
    { keys: [" ", "k"], labels: ["Space", "K"], text: "Play or pause", run: ({ playback }) => playback.toggle() },
    { keys: ["j", "arrowleft"], labels: ["J", "←"], text: `Back ${LONG_STEP_S} seconds`, run: seekBy(-LONG_STEP_S) },
    { keys: ["l", "arrowright"], labels: ["L", "→"], text: `Forward ${LONG_STEP_S} seconds`, run: seekBy(LONG_STEP_S) },
    { keys: ["shift+arrowleft"], labels: ["Shift ←"], text: "Back 1 second", run: seekBy(-SHORT_STEP_S) },
    { keys: ["shift+arrowright"], labels: ["Shift →"], text: "Forward 1 second", run: seekBy(SHORT_STEP_S) },
    { keys: ["home"], labels: ["Home"], text: "Back to the start", run: ({ playback }) => playback.seek(0) },
    { keys: ["n"], text: "Next song", run: () => openNeighbor(1) },
    { keys: ["p"], text: "Previous song", run: () => openNeighbor(-1) },
  ],
  Loop: [
    { keys: ["["], text: "Start the loop here", run: ({ playback }) => loopFrom(playback) },
    { keys: ["]"], text: "End the loop here", run: ({ playback }) => loopTo(playback) },
    { keys: ["escape"], labels: ["Esc"], text: "Loop off, or close a dialog", run: ({ playback }) => playback.setLoop(null, null) },
  ],
  Mix: [
    { keys: [..."123456789"], labels: ["1", "…", "9"], text: "Solo a stem, by its place", run: solo },
    { keys: ["m"], text: "Mute the stem with the focus, or else the first one", run: mute },
    { keys: ["o"], text: "Compare with the original", run: ({ element }) => press(element, "Listen to the original") },
  ],
  View: [
    { keys: ["+", "="], labels: ["+"], text: "Zoom in", run: ({ element }) => press(element, "Zoom in") },
    { keys: ["-"], text: "Zoom out", run: ({ element }) => press(element, "Zoom out") },
    { keys: ["f"], text: "Karaoke mode in full screen, or leave it", run: ({ element }) => press(element, "Karaoke mode") },
    { keys: ["0"], text: "Show the whole song", run: ({ element }) => press(element, "Show the whole song") },
  ],
  Page: [
    { keys: ["/"], text: "Search your songs", isGlobal: true, run: () => document.querySelector("#search")?.focus() },
    { keys: ["?"], text: "Show these keys", isGlobal: true, run: openHelp },
  ],
};

/**
 * Listen for the keys of the page.
 * @param {() => Player|null} getPlayer Returns the player of the open song.
 */
export function listenForKeys(getPlayer) {
  addEventListener("keydown", (event) => {
    const shortcut = Object.values(SHORTCUTS).flat().find(({ keys }) => keys.includes(nameOf(event)));
    if (!shortcut || isTaken(event) || (isOff() && event.key !== " " && event.key !== "Escape")) return;
    const player = getPlayer();
    if (player === null && !shortcut.isGlobal) return;
    shortcut.run(player, event);
    event.preventDefault();
  });
  createHelp();
}

/** Return the key of an event, with Shift only where no character shows it. */
function nameOf({ key, shiftKey }) {
  return (shiftKey && key.startsWith("Arrow") ? "shift+" : "") + key.toLowerCase();
}

/** Return whether the browser, a screen reader or the focused element uses the key. */
function isTaken({ key, target, ctrlKey, altKey, metaKey, defaultPrevented }) {
  if (ctrlKey || altKey || metaKey || defaultPrevented || document.querySelector("dialog[open]:not(.karaoke)")) return true;
  if (key === "Escape" && document.querySelector(".karaoke")) return true;
  const selectors = [TAKES_TEXT];
  if (key === " ") selectors.push(TAKES_SPACE);
  if (key === "Home" || key.startsWith("Arrow")) selectors.push(TAKES_ARROWS);
  return target.closest?.(selectors.join()) != null;
}

function seekBy(step_s) {
  return ({ playback }) => playback.seek(playback.position_s + step_s);
}

function loopFrom(playback) {
  const { position_s, duration_s, loop } = playback;
  playback.setLoop(position_s, loop !== null && loop.end_s > position_s ? loop.end_s : duration_s);
}

function loopTo(playback) {
  const { position_s, loop } = playback;
  playback.setLoop(loop !== null && loop.start_s < position_s ? loop.start_s : 0, position_s);
}

function solo({ element }, { key }) {
  press(element, "Solo ", Number(key) - 1);
}

function mute({ element }) {
  press(document.activeElement.closest(".track") ?? element, "Mute ") || press(element, "Mute ");
}

/** Press a button by the beginning of its name, and announce its state. Return whether there is one. */
function press(element, name, index = 0) {
  const button = element.querySelectorAll(`button[aria-label^="${name}"]`)[index];
  if (!button || button.hidden || button.disabled) return false;
  button.click();
  const isPressed = button.ariaPressed;
  if (isPressed !== null) announce(`${button.ariaLabel}: ${isPressed === "true" ? "on" : "off"}.`);
  return true;
}

function isOff() {
  return localStorage.getItem(STORAGE_KEY) === "off";
}

function openHelp() {
  byId("help-dialog").showModal();
}

function createHelp() {
  for (const [group, shortcuts] of Object.entries(SHORTCUTS)) {
    const rows = shortcuts.map(({ keys, labels, text }) => {
      const names = labels ?? keys.map((key) => key.toUpperCase());
      const shown = names.flatMap((name) => [createElement("kbd", {}, name), " "]);
      return createElement("tr", {}, createElement("td", {}, ...shown), createElement("td", {}, text));
    });
    const caption = createElement("caption", {}, group);
    byId("keys").append(createElement("table", {}, caption, createElement("tbody", {}, ...rows)));
  }
  const checkbox = byId("keys-enabled");
  checkbox.checked = !isOff();
  checkbox.addEventListener("change", () => localStorage.setItem(STORAGE_KEY, checkbox.checked ? "on" : "off"));
  byId("help-button").addEventListener("click", openHelp);
}
