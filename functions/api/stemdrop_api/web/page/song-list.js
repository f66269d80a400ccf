// The list of this browser's songs.

import { announce, byId } from "./dom.js";
import { AppError, errorMessage } from "./errors.js";
import { withoutExtension } from "./format.js";
import { SongCard } from "./song-card.js";

const DELETABLE_STATES = new Set(["waiting", "processing", "done"]);

export class SongList {
  #capabilities;
  #cards = [];
  #onChooseAgain;

  /**
   * @param {object} capabilities Response of GET /options.
   * @param {(song: Song) => void} onChooseAgain Receives a song whose file has to be chosen again.
   */
  constructor(capabilities, onChooseAgain) {
    this.#capabilities = capabilities;
    this.#onChooseAgain = onChooseAgain;
    addEventListener("beforeunload", (event) => {
      if (this.#cards.some(({ song }) => song.isUploading)) event.preventDefault();
    });
  }

  /** Add a song at the top. */
  add(song) {
    const card = new SongCard(song, this.#capabilities, {
      onOpen: () => this.#open(card.isOpen ? null : card),
      onChooseAgain: () => this.#chooseAgain(card),
      onDelete: () => this.#delete(card),
    });
    this.#cards.unshift(card);
    byId("song-list").prepend(card.element);
    byId("songs").hidden = false;
    const wasDone = song.state === "done";
    const openWhenDone = () => {
      if (song.state !== "done" || wasDone) return;
      song.removeEventListener("change", openWhenDone);
      if (song.file !== null && !this.#cards.some(({ isOpen }) => isOpen)) this.#open(card);
    };
    song.addEventListener("change", openWhenDone);
    return card;
  }

  /** Open a song once it is done. `create` returns it if the list doesn't have it. */
  open(id, create) {
    const card = this.#cards.find(({ song }) => song.id === id) ?? this.add(create());
    const open = () => {
      if (card.song.state !== "done") return;
      card.song.removeEventListener("change", open);
      this.#open(card);
      card.heading.focus();
    };
    card.song.addEventListener("change", open);
    open();
  }

  /** Close the open song. */
  close() {
    this.#open(null);
  }

  /** The player of the open song, or null. */
  get openPlayer() {
    return this.#cards.find((card) => card.player)?.player ?? null;
  }

  #open(openCard) {
    for (const card of this.#cards) card.setOpen(card === openCard);
  }

  #chooseAgain(card) {
    const { song } = card;
    this.#remove(card);
    if (song.state === "gone") song.discard();
    else song.delete().catch(() => song.discard());
    this.#onChooseAgain(song);
  }

  async #delete(card) {
    const { song } = card;
    const title = withoutExtension(song.name);
    if (DELETABLE_STATES.has(song.state) && !(await confirmDeletion(title))) return;
    card.deleteButton.disabled = true;
    try {
      if (song.state === "gone") song.discard();
      else await song.delete();
      this.#remove(card);
      announce(`${title} was deleted.`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      card.deleteButton.disabled = false;
      card.error.textContent = `The song was not deleted. ${errorMessage(error, this.#capabilities)}`;
      announce(card.error.textContent);
    }
  }

  #remove(card) {
    card.setOpen(false);
    const neighbor = card.element.nextElementSibling ?? card.element.previousElementSibling;
    this.#cards = this.#cards.filter((other) => other !== card);
    card.element.remove();
    byId("songs").hidden = this.#cards.length === 0;
    (neighbor?.querySelector("h3") ?? byId("file-input")).focus();
  }
}

let resolveConfirmation = () => {};

/** Ask the user to confirm a deletion. */
function confirmDeletion(title) {
  resolveConfirmation(false); // the previous question, because a dialog fires "close" with a delay
  const dialog = byId("delete-dialog");
  byId("delete-heading").textContent = `Delete “${title}”?`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    resolveConfirmation = resolve;
    dialog.onclose = () => {
      if (!dialog.open) resolveConfirmation(dialog.returnValue === "delete");
    };
  });
}
