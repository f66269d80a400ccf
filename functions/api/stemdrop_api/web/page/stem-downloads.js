// The stems of a song in a format that this browser can't play: links to save them.

import { createElement, setText } from "./dom.js";
import { createArchiveLinks, createDownloadLink } from "./download-link.js";
import { errorMessage } from "./errors.js";
import { capitalize } from "./format.js";
import { LyricsDownloads } from "./lyrics-downloads.js";

export class StemDownloads {
  #lyricsDownloads;

  /**
   * @param {Song} song A song that is done.
   * @param {object} capabilities Response of GET /options.
   */
  constructor(song, capabilities) {
    const error = createElement("p.error", { role: "alert" });
    const onError = (shown) => setText(error, errorMessage(shown, capabilities));
    const rows = song.job.stems.map(({ stem }, index) =>
      createElement(
        "li",
        {},
        createElement("span.name", {}, capitalize(stem)),
        createDownloadLink(song, (job) => job.stems[index], `Save ${stem}`, onError),
      ),
    );
    this.#lyricsDownloads = new LyricsDownloads(song, onError, { hasStatus: true });
    this.element = createElement(
      "div.stem-downloads",
      { role: "group", ariaLabel: `Stems of ${song.name}` },
      createElement("p.hint", {}, unplayableNote(song.job.options.codec)),
      createElement("ul", {}, ...rows),
      error,
      createArchiveLinks(song, onError),
      ...this.#lyricsDownloads.elements,
    );
  }

  close() {
    this.#lyricsDownloads.close();
  }
}

/** Return a note on a format that this browser can't play. */
export const unplayableNote = (codec) =>
  `This browser can’t play ${codec.toUpperCase()}. Save the stems to listen to them in another program.`;
