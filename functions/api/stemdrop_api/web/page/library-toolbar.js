// Search, order and selection of the songs in the list.

import { byId, setText } from "./dom.js";
import { pluralize } from "./format.js";
import { matches, ORDERS } from "./song-order.js";

export class LibraryToolbar {
  #getCards;
  #isScheduled = false;
  #rangeStart = null;

  /**
   * @param {() => SongCard[]} getCards
   * @param {{onSave: (cards: SongCard[]) => void, onDelete: (cards: SongCard[]) => void}} listeners
   */
  constructor(getCards, { onSave, onDelete }) {
    this.#getCards = getCards;
    const search = byId("search");
    search.addEventListener("input", () => this.#show());
    search.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      search.value = "";
      this.#show();
    });
    byId("sort").addEventListener("change", () => this.#show());
    byId("select-all").addEventListener("change", ({ target }) => {
      for (const card of this.#visible()) card.checkbox.checked = target.checked;
      this.#showSelection();
    });
    byId("song-list").addEventListener("click", ({ target, shiftKey }) => {
      const card = this.#getCards().find(({ checkbox }) => checkbox === target);
      if (card) this.#select(card, shiftKey);
    });
    byId("save-selected").addEventListener("click", () => onSave(this.#selected()));
    byId("delete-selected").addEventListener("click", () => onDelete(this.#selected()));
  }

  /** Show the songs in order, once after all changes of a task. */
  update() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#show();
    });
  }

  #show() {
    const compare = ORDERS[byId("sort").value];
    const query = byId("search").value;
    const cards = [...this.#getCards()].sort((a, b) => compare(a.song, b.song));
    for (const card of cards) card.element.hidden = !matches(card.song, query);
    moveInto(byId("song-list"), cards.map(({ element }) => element));
    const shown = this.#visible().length;
    setText(byId("song-count"), shown < cards.length ? `${shown} of ${cards.length}` : String(cards.length));
    byId("no-matches").hidden = shown > 0;
    byId("songs").hidden = cards.length === 0;
    byId("songs").classList.toggle("several", cards.length > 1);
    this.#showSelection();
  }

  #select(card, isRange) {
    const visible = this.#visible();
    const from = visible.indexOf(this.#rangeStart);
    const to = visible.indexOf(card);
    if (isRange && from >= 0) {
      const range = visible.slice(Math.min(from, to), Math.max(from, to) + 1);
      for (const other of range) other.checkbox.checked = card.checkbox.checked;
    }
    this.#rangeStart = card;
    this.#showSelection();
  }

  #showSelection() {
    const selected = this.#selected();
    const all = byId("select-all");
    all.checked = selected.length > 0 && selected.length === this.#visible().length;
    all.indeterminate = selected.length > 0 && !all.checked;
    byId("selection").hidden = selected.length === 0;
    setText(byId("selected-count"), selected.length ? `${pluralize(selected.length, "song")} selected` : "");
    byId("save-selected").disabled = !selected.some(({ song }) => song.state === "done");
  }

  /** Return the cards that the search shows, in order. */
  #visible() {
    const order = new Map([...byId("song-list").children].map((element, index) => [element, index]));
    return this.#getCards()
      .filter(({ element }) => !element.hidden)
      .sort((a, b) => order.get(a.element) - order.get(b.element));
  }

  #selected() {
    return this.#visible().filter(({ checkbox }) => checkbox.checked);
  }
}

/** Put elements in order with few moves. A moved element would lose the focus. */
function moveInto(list, elements) {
  const focused = document.activeElement;
  elements.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
  if (list.contains(focused) && focused !== document.activeElement) focused.focus({ preventScroll: true });
}
