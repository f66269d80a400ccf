// The track of the original song, for comparison with its stems.

import { createFileSource } from "./audio-source.js";
import { createButton, createElement } from "./dom.js";
import { ORIGINAL } from "./mixer.js";

export class OriginalTrack {
  #song;
  #listeners;
  #source = null;
  #button;
  #fileLabel;

  /**
   * @param {Song} song
   * @param {HTMLElement} waveform
   * @param {{onSource: (source: object) => void, onToggle: () => boolean, onError: (error: object?) => void}} listeners
   *   `onSource` receives the samples before they are first played; `onToggle` returns whether they are played.
   */
  constructor(song, waveform, listeners) {
    this.#song = song;
    this.#listeners = listeners;
    this.#button = createButton("button.toggle", "Listen", () => this.#toggle(), {
      ariaLabel: "Listen to the original",
      ariaPressed: "false",
    });
    const input = createElement("input", {
      type: "file",
      className: "visually-hidden",
      accept: "audio/*,video/*",
      on: { change: () => this.#chooseFile(input) },
    });
    this.#fileLabel = createElement("label.toggle.file", {}, input, "Choose the file");
    this.#showButton(song.file !== null);
    this.element = createElement(
      "div.track.original",
      { role: "group", ariaLabel: "Original", "data-stem": ORIGINAL },
      createElement("span.name", {}, "Original"),
      createElement("span.channel", {}, this.#button, this.#fileLabel),
      waveform,
      createElement("span.hint", {}, "for comparison"),
    );
  }

  /** Play the original instead of the stems, or stop that. It is decoded when it is first played. */
  #toggle() {
    if (this.#source === null) {
      const { file, job } = this.#song;
      this.#source = createFileSource(file, job.sound?.duration_s ?? 0, job.options.offset_s ?? 0);
      this.#listeners.onSource(this.#source);
    }
    this.#button.ariaPressed = this.#listeners.onToggle();
  }

  #showButton(hasFile) {
    this.#fileLabel.hidden = hasFile;
    this.#button.hidden = !hasFile;
  }

  #chooseFile(input) {
    const [file] = input.files;
    if (!file) return;
    if (file.size !== this.#song.job.source.size_bytes) {
      const detail = "This is a different file. Choose the one that was separated.";
      this.#listeners.onError({ code: "different_file", detail });
      return;
    }
    this.#listeners.onError(null);
    this.#song.file = file;
    const hadFocus = document.activeElement === input;
    this.#showButton(true);
    if (hadFocus) this.#button.focus();
  }
}
