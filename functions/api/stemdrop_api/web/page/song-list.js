// The list of this browser's songs.

import { deleteJob } from "./api.js";
import { DeletionNotice } from "./deletion-notice.js";
import { announce, byId, setText } from "./dom.js";
import { saveFile } from "./download-link.js";
import { AppError, errorMessage } from "./errors.js";
import { pluralize, withoutExtension } from "./format.js";
import { LibraryToolbar } from "./library-toolbar.js";
import { loadDeletedSongs, markDeleted, removeSong } from "./library-storage.js";
import { Notifications } from "./notifications.js";
import { delay } from "./retry.js";
import { SongCard } from "./song-card.js";
import { TaskQueue } from "./task-queue.js";

// Firefox and Safari drop a download that begins before the previous one has. Nothing reports that.
const DOWNLOAD_INTERVAL_S = 1;
// Longer than a page shows its notice.
const UNDO_MS = 60_000;

export class SongList {
  #capabilities;
  #cards = [];
  #onChooseAgain;
  #toolbar = new LibraryToolbar(() => this.#cards, {
    onSave: (cards) => this.#save(cards.filter(({ song }) => song.state === "done")),
    onDelete: (cards) => this.#delete(cards),
  });
  #notice = new DeletionNotice({
    onEnd: (cards, request) => cards.forEach((card) => this.#deleteFromServer(card, request)),
    onUndo: (cards) => {
      this.#restore(cards);
      cards[0].heading.focus();
      const gone = cards.filter(({ song }) => song.state === "gone").length;
      announce(gone ? `${pluralize(gone, "song")} could not be restored.` : `${pluralize(cards.length, "song")} restored.`);
    },
  });
  #notifications = new Notifications();
  #deletions = new TaskQueue(4);

  /**
   * @param {object} capabilities Response of GET /options.
   * @param {(song: Song, removeCard: () => void) => void} onChooseAgain Receives a song whose file has to be
   *   chosen again, and what removes it once that is done.
   */
  constructor(capabilities, onChooseAgain) {
    this.#capabilities = capabilities;
    this.#onChooseAgain = onChooseAgain;
    addEventListener("beforeunload", (event) => {
      if (this.#cards.some(({ song }) => song.isUploading)) event.preventDefault();
    });
    for (const song of loadDeletedSongs()) {
      setTimeout(() => this.#completeDeletion(song), song.deleted + UNDO_MS - Date.now());
    }
  }

  /** Return the ids of the songs that have one. */
  get ids() {
    return this.#cards.map(({ song }) => song.id).filter((id) => id !== null);
  }

  /** Add a song at the top. */
  add(song) {
    const card = new SongCard(song, this.#capabilities, {
      onOpen: () => this.#open(card.isOpen ? null : card),
      onChooseAgain: () => this.#chooseAgain(card),
      onDelete: () => this.#delete([card]),
    });
    this.#cards.unshift(card);
    byId("song-list").prepend(card.element);
    byId("songs").hidden = false;
    this.#toolbar.update();
    let { state } = song;
    song.addEventListener("change", () => {
      if (song.state === state) return;
      const hasBegun = state !== "loading";
      state = song.state;
      if (!this.#cards.includes(card)) return;
      this.#toolbar.update();
      this.#notifications.onChange(this.#cards.map((other) => other.song), hasBegun ? song : null);
      if (state === "done" && song.file !== null && !this.#cards.some(({ isOpen }) => isOpen)) this.#open(card);
    });
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
    this.#onChooseAgain(song, () => {
      this.#remove([card]);
      if (song.state === "gone") song.discard();
      else song.delete().catch(() => song.discard());
    });
  }

  /** Delete songs when the notice goes, so that it can be undone. What has nothing to keep goes at once. */
  #delete(cards) {
    const undoable = cards.filter(({ song }) => song.state !== "gone" && !song.isUploading);
    const others = cards.filter((card) => !undoable.includes(card));
    this.#remove(undoable);
    for (const { song } of undoable) song.markDeleted(true);
    if (undoable.length) this.#notice.add(undoable);
    for (const card of others) this.#cancel(card);
  }

  async #cancel(card) {
    card.deleteButton.disabled = true;
    if (!(await this.#deleteFromServer(card))) return;
    this.#remove([card]);
    announce(`${withoutExtension(card.song.name)} was deleted.`);
  }

  /** Complete the deletion of a page that was closed, unless it has been undone in another tab. */
  #completeDeletion({ id, deleted }) {
    if (!loadDeletedSongs().some((song) => song.id === id && song.deleted === deleted)) return;
    markDeleted(id, true);
    this.#deletions.run(() => deleteJob(id).then(() => removeSong(id)).catch(ignoreAppError));
  }

  /** Delete a song from the server. If that fails, show the song with the error, and return false. */
  async #deleteFromServer(card, request = {}) {
    const { song } = card;
    try {
      if (song.state === "gone") song.discard();
      else if (request.keepalive) await song.delete(request);
      else await this.#deletions.run(() => song.delete());
      return true;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      card.deleteButton.disabled = false;
      if (!this.#cards.includes(card)) this.#restore([card]);
      card.error.textContent = `The song was not deleted. ${errorMessage(error, this.#capabilities)}`;
      announce(card.error.textContent);
      return false;
    }
  }

  #restore(cards) {
    for (const card of cards) {
      card.song.markDeleted(false);
      card.checkbox.checked = false;
      byId("song-list").append(card.element);
    }
    this.#cards.push(...cards);
    byId("songs").hidden = false;
    this.#toolbar.update();
  }

  #remove(cards) {
    const removed = new Set(cards.map(({ element }) => element));
    const visible = [...byId("song-list").children].filter(({ hidden }) => !hidden);
    const first = visible.findIndex((element) => removed.has(element));
    const left = visible.filter((element) => !removed.has(element));
    const neighbor = left.find((element) => visible.indexOf(element) > first) ?? left.at(-1);
    for (const card of cards) {
      card.setOpen(false);
      card.element.remove();
    }
    this.#cards = this.#cards.filter((other) => !cards.includes(other));
    byId("songs").hidden = this.#cards.length === 0;
    this.#toolbar.update();
    queueMicrotask(() => {
      const { activeElement } = document;
      const isLost = activeElement === document.body || !activeElement.checkVisibility();
      if (cards.length && isLost) (neighbor?.querySelector("h3") ?? byId("file-input")).focus();
    });
  }

  /** Save songs one after the other: their ZIP files, or all stems of a song without one. */
  async #save(cards) {
    const button = byId("save-selected");
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true"; // and not disabled, which would take the focus
    const note = byId("library-note");
    const files = cards.flatMap(({ song }) => {
      if (song.job.zip) return [[song, (job) => job.zip]];
      return song.job.stems.map((_, index) => [song, (job) => job.stems[index]]);
    });
    try {
      for (const [index, [song, findFile]] of files.entries()) {
        if (index > 0) await delay(DOWNLOAD_INTERVAL_S);
        const hint = files.length > 1 ? " If the browser asks, allow this page to save several files." : "";
        setText(note, `Saving file ${index + 1} of ${files.length}.${hint}`);
        await saveFile(song, findFile);
      }
      setText(note, `${pluralize(files.length, "file")} saved, or still on the way.`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      setText(note, `Not all files were saved. ${errorMessage(error, this.#capabilities)}`);
    } finally {
      button.ariaDisabled = "false";
    }
  }
}

function ignoreAppError(error) {
  if (!(error instanceof AppError)) throw error;
}
