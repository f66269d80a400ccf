// The list of this browser's songs.

import { announce, the } from "./dom.js";
import { Card } from "./song-card.js";
import { Failure, sentence } from "./errors.js";
import { titleOf } from "./format.js";

export class Songs {
  #offer;
  #cards = [];
  #onAgain;

  /**
   * @param {object} offer what the server offers.
   * @param {(song: Song) => void} onAgain told of a song whose file is to be chosen again.
   */
  constructor(offer, onAgain) {
    this.#offer = offer;
    this.#onAgain = onAgain;
    addEventListener("beforeunload", (event) => {
      if (this.#cards.some(({ song }) => song.isUnderWay)) event.preventDefault();
    });
  }

  /** Add a song at the top. */
  add(song) {
    const card = new Card(song, this.#offer, {
      onOpen: () => this.#open(card.deck === null ? card : null),
      onAgain: () => this.#again(card),
      onDelete: () => this.#delete(card),
    });
    this.#cards.unshift(card);
    the("list").prepend(card.element);
    the("songs").hidden = false;
    const wasDone = song.state === "done";
    const openWhenDone = () => {
      if (song.state !== "done" || wasDone) return;
      song.removeEventListener("change", openWhenDone);
      if (song.file !== null && !this.#cards.some(({ deck }) => deck)) this.#open(card);
    };
    song.addEventListener("change", openWhenDone);
    return card;
  }

  /** Play or pause what is open; return whether there was anything. */
  toggle() {
    const deck = this.#cards.find((card) => card.deck)?.deck;
    deck?.toggle();
    return deck !== undefined;
  }

  #open(wanted) {
    for (const card of this.#cards) card.unfold(card === wanted);
  }

  #again(card) {
    const { song } = card;
    this.#remove(card);
    if (song.state === "gone") song.drop();
    else song.delete().catch(() => song.drop());
    this.#onAgain(song);
  }

  async #delete(card) {
    const { song } = card;
    const isThere = song.state === "done" || song.state === "processing" || song.state === "waiting";
    if (isThere && !(await isMeant(titleOf(song.name)))) return;
    card.delete.disabled = true;
    try {
      if (song.state === "gone") song.drop();
      else await song.delete();
      this.#remove(card);
      announce(`${titleOf(song.name)} is deleted.`);
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      card.delete.disabled = false;
      card.failure.textContent = `Not deleted. ${sentence(failure, this.#offer)}`;
      announce(card.failure.textContent);
    }
  }

  #remove(card) {
    card.unfold(false);
    const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
    this.#cards = this.#cards.filter((other) => other !== card);
    card.element.remove();
    the("songs").hidden = this.#cards.length === 0;
    (next?.querySelector("h3") ?? the("picker")).focus();
  }
}

let answer = () => {};

/** Ask whether a song is really to be deleted. */
function isMeant(title) {
  answer(false); // to the question before: a dialog tells of its end a little late
  const dialog = the("delete-dialog");
  the("delete-what").textContent = `Delete “${title}”?`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    answer = resolve;
    dialog.onclose = () => {
      if (!dialog.open) answer(dialog.returnValue === "delete");
    };
  });
}
