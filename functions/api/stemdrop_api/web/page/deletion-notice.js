// The notice after a deletion, which can be undone until the notice goes.

import { announce, byId, setText } from "./dom.js";
import { pluralize, withoutExtension } from "./format.js";

const DURATION_S = 10;

export class DeletionNotice {
  #songs = [];
  #timer = null;
  #onEnd;
  #onUndo;

  /**
   * @param {{onEnd: (cards: SongCard[], request: object) => void, onUndo: (cards: SongCard[]) => void}}
   *   listeners `onEnd` deletes the songs; its request has `keepalive` when the page is left.
   */
  constructor({ onEnd, onUndo }) {
    this.#onEnd = onEnd;
    this.#onUndo = onUndo;
    const notice = byId("deletion-notice");
    byId("undo").addEventListener("click", () => this.#undo());
    byId("dismiss").addEventListener("click", () => this.#end());
    // There is time to read and to reach the button.
    for (const type of ["pointerenter", "focusin"]) notice.addEventListener(type, () => clearTimeout(this.#timer));
    for (const type of ["pointerleave", "focusout"]) notice.addEventListener(type, () => this.#start());
    addEventListener("pagehide", () => this.#end({ keepalive: true }));
    addEventListener("keydown", (event) => {
      const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
      if (!isUndo || this.#songs.length === 0 || event.target.closest("input[type=text], textarea")) return;
      event.preventDefault();
      this.#undo();
    });
  }

  /** Show the notice for these songs, besides those that it shows already. */
  add(cards) {
    this.#songs.push(...cards);
    const [{ song }] = this.#songs;
    const what =
      this.#songs.length > 1 ? pluralize(this.#songs.length, "song") : `“${withoutExtension(song.name)}”`;
    setText(byId("deletion-text"), `${what} deleted.`);
    byId("deletion-notice").hidden = false;
    announce(`${what} deleted. To undo, press Control Z or the button Undo.`);
    this.#start();
  }

  #start() {
    clearTimeout(this.#timer);
    if (this.#songs.length) this.#timer = setTimeout(() => this.#end(), DURATION_S * 1000);
  }

  #undo() {
    this.#onUndo(this.#take());
  }

  #end(request = {}) {
    const cards = this.#take();
    if (cards.length) this.#onEnd(cards, request);
  }

  #take() {
    clearTimeout(this.#timer);
    const cards = this.#songs;
    this.#songs = [];
    const notice = byId("deletion-notice");
    if (notice.contains(document.activeElement)) byId("songs-heading").focus();
    notice.hidden = true;
    return cards;
  }
}
