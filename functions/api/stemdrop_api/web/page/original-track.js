// The track of the original song, for comparison with its stems.

import { createFileSource } from "./audio-source.js";
import { createButton, createElement, setText } from "./dom.js";
import { AppError } from "./errors.js";
import { ORIGINAL } from "./mixer.js";

export class OriginalTrack {
  #song;
  #listeners;
  #isLoaded = false;
  #button;
  #fileLabel;
  #hint = createElement("span.hint");

  /**
   * @param {Song} song
   * @param {HTMLElement} waveform
   * @param {{onSource: (source: object) => void, onToggle: (isOn: boolean) => void,
   *   onError: (error: object?) => void}} listeners `onSource` receives the samples before they are first
   *   played; `onToggle`, whether they are played.
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
    this.element = createElement(
      "div.track.original",
      { role: "group", ariaLabel: "Original", "data-stem": ORIGINAL },
      createElement("span.name", {}, "Original"),
      createElement("span.channel", {}, this.#button, this.#fileLabel),
      waveform,
      this.#hint,
    );
    this.#showButton(song.file !== null);
    this.#showLoading(false);
  }

  /** Play the original instead of the stems, or stop that. The stems play until it is decoded. */
  #toggle() {
    this.#button.ariaPressed = !this.#isOn;
    if (this.#isLoaded) this.#listeners.onToggle(this.#isOn);
    else if (this.#button.ariaBusy !== "true") this.#load();
  }

  get #isOn() {
    return this.#button.ariaPressed === "true";
  }

  async #load() {
    const { file, job } = this.#song;
    const source = createFileSource(file, job.sound?.duration_s ?? 0, job.options.offset_s ?? 0);
    this.#listeners.onError(null);
    this.#showLoading(true);
    try {
      await source.load(0, 1);
      if (!this.element.isConnected) return; // the song was closed meanwhile
      this.#isLoaded = true;
      this.#listeners.onSource(source);
      this.#listeners.onToggle(this.#isOn);
    } catch (error) {
      this.#button.ariaPressed = false;
      if (!(error instanceof AppError)) throw error;
      const isReadable = error.code !== "unreadable";
      this.#showButton(isReadable);
      this.#listeners.onError(isReadable ? new AppError("original_unplayable") : error);
    } finally {
      this.#showLoading(false);
    }
  }

  #showLoading(isLoading) {
    this.#button.ariaBusy = isLoading;
    setText(this.#hint, isLoading ? "Loading…" : "for comparison");
  }

  #showButton(hasFile) {
    const hadFocus = this.element.contains(document.activeElement);
    this.#fileLabel.hidden = hasFile;
    this.#button.hidden = !hasFile;
    if (hadFocus) (hasFile ? this.#button : this.#fileLabel.control).focus();
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
    this.#showButton(true);
  }
}
