// The chosen songs, before they are uploaded.

import { announce, byId, createElement, setText } from "./dom.js";
import { validateFile } from "./file-input.js";
import { formatSize, pluralize } from "./format.js";
import { Song } from "./song.js";

export class PendingUploads {
  #capabilities;
  #optionsForm;
  #songs = [];

  /**
   * @param {object} capabilities Response of GET /options.
   * @param {OptionsForm} optionsForm
   * @param {(songs: Song[], options: object) => void} onSeparate
   */
  constructor(capabilities, optionsForm, onSeparate) {
    this.#capabilities = capabilities;
    this.#optionsForm = optionsForm;
    byId("options-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const options = optionsForm.read();
      if (options === null) return;
      const songs = this.#songs;
      this.#songs = [];
      this.#show();
      onSeparate(songs, options);
    });
    byId("discard").addEventListener("click", () => {
      this.#songs.forEach((song) => song.discard());
      this.#songs = [];
      this.#show();
      byId("file-input").focus();
    });
  }

  /** Add the valid files, and show an error message for each of the others. */
  add(files, options = null) {
    const errors = files.map((file) => validateFile(file, this.#capabilities));
    const messages = errors.filter((message) => message !== null);
    byId("file-errors").replaceChildren(...messages.map((message) => createElement("p.error", {}, message)));
    const valid = files.filter((_, index) => errors[index] === null);
    if (!valid.length) return;
    this.#songs.push(...valid.map((file) => Song.fromFile(file, "", this.#capabilities.url_lifetime_s)));
    if (options) this.#optionsForm.show(options);
    this.#show();
    byId("separate").focus();
    announce(`${pluralize(this.#songs.length, "song")} chosen. Separate now, or change the options first.`);
  }

  #show() {
    const songs = this.#songs;
    byId("options-form").hidden = songs.length === 0;
    byId("upload").classList.toggle("has-pending-uploads", songs.length > 0);
    byId("pending-uploads").replaceChildren(...songs.map((song) => this.#row(song)));
    this.#optionsForm.showEstimates(songs.length);
    setText(byId("separate"), songs.length > 1 ? `Separate ${songs.length} songs` : "Separate");
  }

  #row(song) {
    const remove = createElement(
      "button.subtle",
      { type: "button", "aria-label": `Remove ${song.name}`, on: { click: () => this.#remove(song) } },
      "Remove",
    );
    remove.hidden = this.#songs.length === 1; // "Discard" does the same
    const size = createElement("span.size", {}, formatSize(song.file.size));
    return createElement("li", {}, createElement("span.name", {}, song.name), size, remove);
  }

  #remove(song) {
    song.discard();
    this.#songs = this.#songs.filter((other) => other !== song);
    this.#show();
    byId(this.#songs.length ? "separate" : "file-input").focus();
  }
}
