// Notifications of songs that are ready while the page is in the background, and their count in the title.

import { byId } from "./dom.js";
import { pluralize, withoutExtension } from "./format.js";

const LONG_S = 30;
const CHOICE_KEY = "stemdrop.notify";
const ACTIVE_STATES = new Set(["queued", "reading", "uploading", "waiting", "processing"]);

export class Notifications {
  #title = document.title;
  #songs = [];
  #ended = [];
  #timer = null;

  constructor() {
    const checkbox = byId("notify");
    checkbox.checked = this.#isAllowed;
    checkbox.addEventListener("change", () => this.#choose(checkbox));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#offer();
      else this.#clear();
    });
    addEventListener("focus", () => this.#clear());
  }

  /**
   * Receive a change of a song's state.
   * @param {Song[]} songs All songs.
   * @param {Song|null} song The song that changed, or null if the page has just loaded its state.
   */
  onChange(songs, song) {
    this.#songs = songs;
    const isActive = this.#activeSongs.length > 0;
    if (isActive) this.#timer ??= setTimeout(() => this.#offer(), LONG_S * 1000);
    else this.#stop();
    if (song && ["done", "failed"].includes(song.state) && !document.hasFocus()) this.#notify(song);
  }

  get #activeSongs() {
    return this.#songs.filter(({ state }) => ACTIVE_STATES.has(state));
  }

  get #isAllowed() {
    return localStorage.getItem(CHOICE_KEY) === "yes" && globalThis.Notification?.permission === "granted";
  }

  /** Offer notifications when a song takes long, or the user does something else meanwhile. */
  #offer() {
    const canAsk = (globalThis.Notification?.permission ?? "denied") !== "denied";
    byId("notify-label").hidden = !canAsk || this.#activeSongs.length === 0;
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    byId("notify-label").hidden = true;
  }

  async #choose(checkbox) {
    if (checkbox.checked) checkbox.checked = (await Notification.requestPermission()) === "granted";
    localStorage.setItem(CHOICE_KEY, checkbox.checked ? "yes" : "no");
    this.#offer();
  }

  #notify(song) {
    this.#ended.push(song);
    document.title = `(${this.#ended.length}) ${this.#title}`;
    if (!this.#isAllowed) return;
    const failed = this.#ended.filter(({ state }) => state === "failed").length;
    const name = withoutExtension(song.name);
    const one = failed ? `“${name}” could not be separated` : `“${name}” is ready`;
    const several = `${pluralize(this.#ended.length, "song")} finished${failed ? `, ${failed} failed` : ""}`;
    try {
      const text = this.#ended.length > 1 ? several : one;
      const notification = new Notification(text, { tag: "stemdrop", body: "Open stemdrop to listen." });
      notification.addEventListener("click", () => {
        window.focus();
        notification.close();
      });
    } catch {
      // Chrome on Android shows notifications of service workers only. The title has the count.
    }
  }

  #clear() {
    if (document.hidden) return;
    this.#ended = [];
    document.title = this.#title;
  }
}
