// A song in the list, in any state.

import { announce, createButton, createElement, setText } from "./dom.js";
import { errorMessage } from "./errors.js";
import { formatDateTime, formatEstimate, formatMusic, formatTime, pluralize, withoutExtension } from "./format.js";
import { canPlay } from "./playable-formats.js";
import { Player } from "./player.js";
import { durationOf } from "./song-order.js";
import { StemDownloads } from "./stem-downloads.js";

const ENDED_STATES = new Set(["failed", "interrupted", "gone"]);
const STATE_LABELS = {
  loading: "Loading…",
  queued: "Waiting to upload…",
  reading: "Reading the file…",
  waiting: "Waiting in the queue…",
};
const STAGE_LABELS = {
  downloading: "Downloading the song",
  separating: "Separating",
  uploading: "Storing the stems",
};
const ANNOUNCED_STEPS = 4; // screen readers hear every 25 percent

export class SongCard {
  #content = null; // the player or the downloads
  #capabilities;
  #title;
  #announced = "";

  /**
   * @param {Song} song
   * @param {object} capabilities Response of GET /options.
   * @param {{onOpen: () => void, onChooseAgain: () => void, onDelete: () => void}} listeners
   */
  constructor(song, capabilities, { onOpen, onChooseAgain, onDelete }) {
    this.song = song;
    this.#capabilities = capabilities;
    const title = (this.#title = withoutExtension(song.name));
    const path = song.folder ? `${song.folder}/${song.name}` : song.name;
    this.heading = createElement("h3", { tabIndex: -1, title: path }, title);
    this.folder = createElement("p.folder", {}, song.folder);
    this.musicText = createElement("span");
    this.loudness = createElement("span.loudness");
    this.music = createElement("p.music", {}, this.musicText, this.loudness);
    this.duration = createElement("p.duration");
    this.statusText = createElement("span");
    this.expiry = createElement("span.expiry");
    this.status = createElement("p.status", {}, this.statusText, this.expiry);
    this.checkbox = createElement("input.select", { type: "checkbox", ariaLabel: `Select ${title}` });
    this.error = createElement("p.error");
    this.warnings = createElement("div.warnings");
    this.progressBar = createElement("progress", { max: 1, ariaLabel: `Progress of ${title}` });
    this.openButton = createButton("button", "", onOpen);
    this.chooseAgainButton = createButton("button", "Choose again", onChooseAgain, { ariaLabel: `Choose ${title} again` });
    this.deleteButton = createButton("button.subtle.delete", "", onDelete);
    this.playerContainer = createElement("div");
    const header = createElement(
      "div.card-header",
      {},
      createElement("label.select-label", {}, this.checkbox),
      createElement("div.card-title", {}, this.heading, this.folder, this.music, this.duration, this.status),
      createElement("div.card-actions", {}, this.openButton, this.chooseAgainButton, this.deleteButton),
    );
    this.element = createElement("li.card", {}, header, this.progressBar, this.error, this.warnings, this.playerContainer);
    song.addEventListener("change", () => this.show());
    this.show();
  }

  get isOpen() {
    return this.#content !== null;
  }

  /** The player if it is shown, or null. */
  get player() {
    return this.#content instanceof Player ? this.#content : null;
  }

  /**
   * Show or hide the player, or the downloads of stems in a format that can't be played. A hidden
   * player takes no memory.
   */
  setOpen(isOpen) {
    if (isOpen === this.isOpen) return;
    this.#content?.close();
    const Content = isOpen && canPlay(this.song.job.options.codec) ? Player : StemDownloads;
    this.#content = isOpen ? new Content(this.song, this.#capabilities) : null;
    this.playerContainer.replaceChildren(this.#content?.element ?? "");
    this.element.classList.toggle("open", isOpen);
    this.show();
  }

  /** Show the current state of the song. */
  show() {
    const { state, error, transientError, job } = this.song;
    const hasEnded = ENDED_STATES.has(state);
    this.element.dataset.state = state;
    this.element.toggleAttribute("data-playable", state === "done" && canPlay(job.options.codec));
    this.#showMusic(state === "done" ? job.music : null);
    setText(this.duration, state === "done" ? formatTime(durationOf(this.song) ?? 0) : "");
    setText(this.statusText, this.#statusText());
    const expiry = state === "done" && job.expires_at;
    setText(this.expiry, expiry ? ` – available until ${formatDateTime(job.expires_at)}` : "");
    this.progressBar.hidden = state === "done" || hasEnded;
    this.#showProgress();
    this.openButton.hidden = state !== "done";
    this.chooseAgainButton.hidden = !hasEnded;
    this.openButton.ariaExpanded = this.isOpen;
    this.#setLabel(this.openButton, this.isOpen ? "Close" : "Open");
    this.#setLabel(this.deleteButton, state === "done" ? "Delete" : hasEnded ? "Remove" : "Cancel");
    const shown = state === "interrupted" ? { code: "interrupted" } : (error ?? transientError);
    const message = errorMessage(shown, this.#capabilities);
    setText(this.error, message);
    this.error.classList.toggle("transient", transientError !== null);
    const warnings = state === "done" ? job.warnings : [];
    if (this.warnings.childElementCount !== warnings.length) {
      this.warnings.replaceChildren(...warnings.map((text) => createElement("p.warning", {}, text)));
    }
    if (state === "gone") this.setOpen(false);
    this.#announce(message);
  }

  #setLabel(button, text) {
    setText(button, text);
    button.ariaLabel = `${text} ${this.#title}`;
  }

  #showMusic(music) {
    const known = music ? formatMusic({ ...music, loudness_lufs: null }) : "";
    const loudness = music ? formatMusic({ loudness_lufs: music.loudness_lufs }) : "";
    setText(this.musicText, known);
    setText(this.loudness, known && loudness ? ` · ${loudness}` : loudness);
  }

  #showProgress() {
    const { state, uploadedFraction, job } = this.song;
    const fraction = { uploading: uploadedFraction, processing: job?.progress ?? 0 }[state];
    if (fraction) this.progressBar.value = fraction;
    else this.progressBar.removeAttribute("value");
  }

  #statusText() {
    const { state, uploadedFraction, job } = this.song;
    if (state === "uploading") return `Uploading, ${Math.floor(100 * uploadedFraction)}%`;
    if (state === "processing") return this.#progressText(job);
    if (state === "done") return `${pluralize(job.stems.length, "stem")}, ${job.options.codec}`;
    return STATE_LABELS[state] ?? "";
  }

  #progressText({ stage, progress, seconds_left }) {
    const estimate = seconds_left === null ? "" : `, ${formatEstimate(seconds_left)} left`;
    return `${STAGE_LABELS[stage] ?? "Working"}, ${Math.floor(100 * progress)}%${estimate}`;
  }

  /** Announce state changes and errors to screen readers, but not every percent. */
  #announce(message) {
    const { state, job } = this.song;
    const step = Math.floor((job?.progress ?? 0) * ANNOUNCED_STEPS);
    const announced = [state, message, state === "processing" ? step : ""].join();
    const isFirst = this.#announced === "";
    if (announced === this.#announced) return;
    this.#announced = announced;
    if (isFirst || ["loading", "queued", "reading"].includes(state)) return;
    const text = {
      uploading: "uploading.",
      waiting: "waiting in the queue.",
      processing: `separating, ${(100 / ANNOUNCED_STEPS) * step} percent.`,
      done: `ready, ${pluralize(job?.stems.length ?? 0, "stem")}.`,
    }[state];
    announce(`${this.#title}: ${message || text || state}`);
  }
}
