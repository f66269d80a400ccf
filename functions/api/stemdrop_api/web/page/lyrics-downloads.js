// Links that save the files of the lyrics.

import { createElement, setText } from "./dom.js";
import { createDownloadLink } from "./download-link.js";
import { describeLyrics } from "./lyrics.js";

const LABELS = {
  lrc: "Karaoke file (LRC)",
  srt: "Subtitles (SRT)",
  vtt: "Subtitles (WebVTT)",
  json: "Words and times (JSON)",
};

export class LyricsDownloads {
  #song;
  #onError;
  #status = createElement("p.hint");
  #links = createElement("div.lyrics-downloads", { role: "group", ariaLabel: "Save the lyrics" });
  #abortController = new AbortController();

  /**
   * @param {Song} song A song that is done.
   * @param {(error: AppError|null) => void} onError Receives an error, or null after a success.
   * @param {{hasStatus: boolean}} [look] Whether to say what the lyrics are, or why there are none.
   */
  constructor(song, onError, { hasStatus = false } = {}) {
    this.#song = song;
    this.#onError = onError;
    this.elements = hasStatus ? [this.#status, this.#links] : [this.#links];
    song.addEventListener("change", () => this.#show(), { signal: this.#abortController.signal });
    this.#show();
  }

  close() {
    this.#abortController.abort();
  }

  #show() {
    const { lyrics } = this.#song.job;
    this.#status.hidden = !lyrics;
    this.#links.hidden = !lyrics?.files.length;
    if (lyrics) setText(this.#status, describeLyrics(lyrics));
    if (this.#links.hidden || this.#links.childElementCount > 0) return;
    const formats = Object.keys(LABELS).filter((format) => fileOf(this.#song.job, format));
    const links = formats.map((format) =>
      createDownloadLink(this.#song, (job) => fileOf(job, format), LABELS[format], this.#onError),
    );
    this.#links.append(createElement("span", {}, "Save the lyrics"), ...links);
  }
}

const fileOf = ({ lyrics }, format) => lyrics?.files.find((file) => file.format === format);
