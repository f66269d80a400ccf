// The chosen songs, before they are uploaded.

import { announce, byId, createButton, createElement, setText } from "./dom.js";
import { isMedia, validateFile } from "./file-input.js";
import { folderOf, isFromFolder } from "./folder-files.js";
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
      setText(byId("skipped-files"), "");
      this.#show();
      byId("file-input").focus();
    });
  }

  /**
   * Add the valid files, and show an error message for each of the others. What isn't audio or video in
   * a folder is only counted.
   * @param {File[]} files
   * @param {{options?: object, removeCard?: () => void, isComplete?: boolean}} details Options to show, removal
   *   of the file's song, and whether these are all files of a folder.
   */
  add(files, { options, removeCard, isComplete = true }) {
    const songs = files.filter((file) => isMedia(file) || !isFromFolder(file));
    const errors = songs.map((file) => validateFile(file, this.#capabilities));
    const messages = errors.filter((message) => message !== null);
    if (!isComplete) messages.push(`Only ${files.length} files of the folder were read. Add the others later.`);
    byId("file-errors").replaceChildren(...messages.map((message) => createElement("p.error", {}, message)));
    const skipped = files.length - songs.length;
    const isEmpty = songs.length === 0 && files.every(isFromFolder);
    const note = isEmpty ? "There is no audio or video in this folder." : skippedNote(skipped);
    setText(byId("skipped-files"), note);
    const valid = songs.filter((_, index) => errors[index] === null);
    if (!valid.length) return;
    removeCard?.();
    const { url_lifetime_s } = this.#capabilities;
    this.#songs.push(...valid.map((file) => Song.fromFile(file, folderOf(file), url_lifetime_s)));
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
    const remove = createButton("button.subtle", "Remove", () => this.#remove(song), { ariaLabel: `Remove ${song.name}` });
    remove.hidden = this.#songs.length === 1; // "Discard" does the same
    const size = createElement("span.size", {}, formatSize(song.file.size));
    const name = createElement("span.name", {}, song.name);
    if (song.folder) name.append(createElement("span.folder", {}, song.folder));
    return createElement("li", {}, name, size, remove);
  }

  #remove(song) {
    song.discard();
    this.#songs = this.#songs.filter((other) => other !== song);
    this.#show();
    byId(this.#songs.length ? "separate" : "file-input").focus();
  }
}

function skippedNote(count) {
  return count ? `${pluralize(count, "other file")} skipped: not audio or video.` : "";
}
