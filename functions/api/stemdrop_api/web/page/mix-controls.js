// The controls that save the mix and copy a link to it.

import { createButton, createElement, setText } from "./dom.js";
import { AppError } from "./errors.js";
import { renderMix } from "./mix-renderer.js";

const FORMATS = [
  ["wav", "WAV, 24-bit, for editing"],
  ["mp3", "MP3, 320 kbit/s, for listening"],
];
const URL_LIFETIME_MS = 60_000;

export class MixControls {
  #song;
  #listeners;
  #abortController = null;

  /**
   * @param {{title: string, mixer: Mixer, presets: MixPresets, playback: Playback, settings: SongSettings,
   *   sources: Map<string, object>}} song sources: The samples of each stem.
   * @param {{getLink: () => string, onError: (error: AppError|null) => void}} listeners
   */
  constructor(song, listeners) {
    this.#song = song;
    this.#listeners = listeners;
    const options = FORMATS.map(([value, text]) => createElement("option", { value }, text));
    this.formatSelect = createElement("select", { ariaLabel: "Format of the mix" }, ...options);
    this.saveButton = createButton("button", "Save mix", () => this.#save());
    this.linkButton = createButton("button", "Copy link", () => this.#copyLink());
    this.cancelButton = createButton("button", "Cancel", () => this.#abortController.abort());
    this.progressBar = createElement("progress", { max: 1, value: 0, ariaLabel: "Progress of the mix" });
    this.progress = createElement("div.mix-progress", { hidden: true }, this.progressBar, this.cancelButton);
    this.status = createElement("p.hint", { role: "status" });
    this.link = createElement("input", { type: "text", readOnly: true, hidden: true, ariaLabel: "Link" });
    this.element = createElement(
      "div.mix",
      { role: "group", ariaLabel: "Mix" },
      createElement("div.mix-actions", {}, this.formatSelect, this.saveButton, this.linkButton),
      this.progress,
      this.status,
      this.link,
    );
  }

  /** Show whether the whole song or its loop is saved. */
  show() {
    setText(this.saveButton, this.#song.playback.loop ? "Save loop" : "Save mix");
  }

  /** Stop saving. */
  close() {
    this.#abortController?.abort();
  }

  async #save() {
    const { onError } = this.#listeners;
    const filename = this.#filename();
    this.#abortController = new AbortController();
    this.#showProgress(true);
    onError(null);
    setText(this.status, "");
    try {
      const { blob, gain_db } = await this.#render();
      download(blob, filename);
      const loss_db = (-gain_db).toFixed(1);
      const note = gain_db < 0 ? ` The mix was too loud for a file, so all of it was turned down by ${loss_db} dB.` : "";
      setText(this.status, `Saved ${filename}.${note}`);
    } catch (error) {
      if (error.name === "AbortError") setText(this.status, "The mix was not saved.");
      else if (error instanceof AppError) onError(error);
      else throw error;
    } finally {
      this.#showProgress(false);
    }
  }

  #render() {
    const { mixer, playback, settings, sources } = this.#song;
    const { tempo_percent, pitch_semitones } = settings.current;
    const { start_s, end_s } = playback.loop ?? { start_s: 0, end_s: playback.duration_s };
    const tracks = mixer.stemGains().filter(([, gain]) => gain > 0);
    if (tracks.length === 0) throw new AppError("silent_mix");
    return renderMix(
      tracks.map(([stem, gain]) => ({ source: sources.get(stem), gain, pan: mixer.channel(stem).pan })),
      { start_s, end_s, tempo_percent, pitch_semitones, format: this.formatSelect.value },
      {
        signal: this.#abortController.signal,
        onProgress: (fraction) => (this.progressBar.value = fraction),
        onTransientError: this.#listeners.onError,
      },
    );
  }

  #filename() {
    const { title, presets, playback } = this.#song;
    const names = [presets.current ?? "mix", playback.loop && "loop"].filter(Boolean);
    return `${title} (${names.join(", ")}).${this.formatSelect.value}`;
  }

  #showProgress(isSaving) {
    const hadFocus = [this.saveButton, this.cancelButton].includes(document.activeElement);
    this.progressBar.value = 0;
    this.progress.hidden = !isSaving;
    this.saveButton.disabled = isSaving;
    if (hadFocus) (isSaving ? this.cancelButton : this.saveButton).focus();
  }

  async #copyLink() {
    const effect = "The link opens this song with these settings for whoever has access to this site.";
    this.link.value = this.#listeners.getLink();
    try {
      await navigator.clipboard.writeText(this.link.value);
      setText(this.status, `Copied. ${effect}`);
    } catch {
      this.link.hidden = false; // without https, or if the user forbids it
      this.link.focus();
      this.link.select();
      setText(this.status, `Copy the link. ${effect}`);
    }
  }
}

function download(blob, filename) {
  const url = URL.createObjectURL(blob);
  createElement("a", { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), URL_LIFETIME_MS);
}
