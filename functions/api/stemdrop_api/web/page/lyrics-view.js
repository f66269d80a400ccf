// The lyrics of a song that is played: the current line and word, and the way to the karaoke mode.

import { createButton, createElement, setText } from "./dom.js";
import { AppError } from "./errors.js";
import { LyricsLine } from "./lyrics-line.js";
import { describeLyrics, loadLines, lyricsAt } from "./lyrics.js";
import { retry } from "./retry.js";

const CURRENT_PLACE = 0.35; // of the height, so that more of the lines to come is visible
// What moves the lines, other than this module.
const SCROLL_EVENTS = ["wheel", "touchmove", "pointerdown", "keydown"];
const SCROLL_START_MS = 1000; // longer than a browser takes from such an event to the moved lines

export class LyricsView {
  #song;
  #playback;
  #listeners;
  #abortController = new AbortController();
  #status = createElement("p.hint", { role: "status" });
  #list = createElement("ol.lyrics-lines", { ariaLabel: "Lines", hidden: true });
  #karaokeButton;
  #lines = null;
  #shownLines = [];
  #current = -1;
  #isFollowing = true;
  #scrolled_ms = -Infinity;
  #karaoke = null;

  /**
   * @param {Song} song A song that is done.
   * @param {Playback} playback
   * @param {{onError: (error: AppError|null) => void, getMix: () => object}} listeners `getMix` returns what
   *   the karaoke mode needs besides the lyrics: title, mixer, presets and onMixChange.
   */
  constructor(song, playback, listeners) {
    this.#song = song;
    this.#playback = playback;
    this.#listeners = listeners;
    this.#karaokeButton = createButton("button", "Karaoke mode", () => this.#toggleKaraoke(), {
      ariaLabel: "Karaoke mode",
      hidden: true,
    });
    this.element = createElement(
      "section.lyrics",
      { ariaLabel: "Lyrics" },
      createElement("div.lyrics-header", {}, createElement("h4", {}, "Lyrics"), this.#status, this.#karaokeButton),
      this.#list,
    );
    const { signal } = this.#abortController;
    song.addEventListener("change", () => this.#showState(), { signal });
    playback.addEventListener("change", () => (this.#isFollowing = true), { signal });
    for (const type of SCROLL_EVENTS) {
      this.#list.addEventListener(type, () => this.#stopFollowing(), { signal, passive: true });
    }
    this.#list.addEventListener("keydown", (event) => this.#moveFocus(event), { signal });
    this.#showState();
  }

  /** Show what is sung at a position. */
  show(position_s) {
    if (this.#lines === null) return;
    const at = lyricsAt(this.#lines, position_s);
    if (at.line !== this.#current) this.#showCurrent(at.line);
    this.#shownLines[at.line]?.line.show(at.word, at.fraction);
    this.#karaoke?.show(at);
  }

  close() {
    this.#abortController.abort();
    this.#karaoke?.close();
  }

  #showState() {
    const { lyrics } = this.#song.job;
    this.element.hidden = !lyrics;
    if (!lyrics) return;
    setText(this.#status, describeLyrics(lyrics));
    this.element.dataset.status = lyrics.status;
    if (lyrics.status === "done" && lyrics.words > 0 && this.#lines === null) this.#load(lyrics.language);
  }

  async #load(language) {
    this.#lines = [];
    const { onError } = this.#listeners;
    const { signal } = this.#abortController;
    try {
      const lines = await retry(() => loadLines(this.#song), onError, signal);
      if (signal.aborted) return;
      this.#list.lang = language;
      this.#shownLines = lines.map((line, index) => this.#createLine(line, index));
      this.#list.replaceChildren(...this.#shownLines.map(({ button }) => createElement("li", {}, button)));
      this.#list.hidden = this.#karaokeButton.hidden = false;
      this.#shownLines[0].button.tabIndex = 0;
      this.#lines = lines;
      this.show(this.#playback.position_s);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AppError)) throw error;
      onError(error);
    }
  }

  #createLine(line, index) {
    const words = new LyricsLine(line);
    const click = () => {
      this.#playback.seek(line.start_s);
      this.#takeFocus(index);
    };
    const button = createButton("button.lyrics-line", "", click, { tabIndex: -1, dir: "auto" });
    button.append(...words.nodes);
    return { line: words, button };
  }

  #showCurrent(index) {
    const previous = this.#shownLines[this.#current];
    previous?.line.show(-1, 0);
    previous?.button.removeAttribute("aria-current");
    this.#current = index;
    const { button } = this.#shownLines[index] ?? {};
    if (!button) return;
    button.ariaCurrent = "true";
    if (!this.#list.contains(document.activeElement)) this.#takeFocus(index);
    this.#follow(button);
  }

  /** Scroll to the current line, unless the user looks at others. */
  #follow({ parentElement: item }) {
    const { scrollTop, clientHeight } = this.#list;
    const isVisible = item.offsetTop >= scrollTop && item.offsetTop + item.offsetHeight <= scrollTop + clientHeight;
    const hasScrolled = performance.now() - this.#scrolled_ms > SCROLL_START_MS;
    this.#isFollowing ||= isVisible && hasScrolled;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const top = item.offsetTop - CURRENT_PLACE * (clientHeight - item.offsetHeight);
    if (this.#isFollowing) this.#list.scrollTo({ top, behavior: isStill ? "instant" : "smooth" });
  }

  #stopFollowing() {
    this.#isFollowing = false;
    this.#scrolled_ms = performance.now();
  }

  /** Let Tab reach this line only. The arrow keys reach the others. */
  #takeFocus(index) {
    for (const { button } of this.#shownLines) button.tabIndex = -1;
    this.#shownLines[index].button.tabIndex = 0;
  }

  #moveFocus(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const index = this.#shownLines.findIndex(({ button }) => button === document.activeElement) + step;
    if (!step || !this.#shownLines[index]) return;
    event.preventDefault();
    this.#takeFocus(index);
    this.#shownLines[index].button.focus();
  }

  async #toggleKaraoke() {
    if (this.#karaoke) {
      this.#karaoke.close();
      return;
    }
    const module = await import("./karaoke.js").catch(() => null);
    if (module === null) this.#listeners.onError(new AppError("offline"));
    if (module === null || this.#karaoke || this.#abortController.signal.aborted) return;
    this.#karaoke = new module.Karaoke(this.#lines, this.#playback, this.#listeners.getMix(), () => {
      this.#karaoke = null;
      this.#karaokeButton.focus();
    });
    this.show(this.#playback.position_s);
  }
}
