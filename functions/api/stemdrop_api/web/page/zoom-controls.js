// The buttons that zoom the waveforms, which `keyboard.js` presses, too, and the spectrogram's.

import { createButton, createElement, setText } from "./dom.js";
import { formatExactTime } from "./format.js";
import { MAX_SPECTROGRAM_S } from "./spectrogram.js";

const ZOOM_FACTOR = 2;

export class ZoomControls {
  #range;
  #getPosition;
  #text = createElement("span.hint");

  /**
   * @param {VisibleRange} range
   * @param {() => number} getPosition Returns the position of the playback in seconds.
   * @param {(isShown: boolean) => void} onSpectrogram
   */
  constructor(range, getPosition, onSpectrogram) {
    this.#range = range;
    this.#getPosition = getPosition;
    const button = (text, title, click) => createButton("button.toggle", text, click, { ariaLabel: title, title });
    this.zoomOutButton = button("\u2212", "Zoom out", () => this.#zoom(1 / ZOOM_FACTOR));
    this.zoomInButton = button("+", "Zoom in", () => this.#zoom(ZOOM_FACTOR));
    this.showAllButton = button("Whole song", "Show the whole song", () => range.showAll());
    this.spectrogramButton = button("Spectrogram", "Spectrogram", () => this.#toggleSpectrogram(onSpectrogram));
    this.spectrogramButton.ariaPressed = "false";
    const group = { role: "group", ariaLabel: "Zoom" };
    const buttons = [this.showAllButton, this.zoomOutButton, this.zoomInButton, this.spectrogramButton];
    this.element = createElement("div.zoom-controls", group, ...buttons, this.#text);
    range.addEventListener("change", () => this.#show());
    this.#show();
  }

  /** Zoom around the playhead if it is visible, else around the center. */
  #zoom(factor) {
    const position_s = this.#getPosition();
    this.#range.zoom(factor, this.#range.contains(position_s) ? position_s : undefined);
  }

  #toggleSpectrogram(onSpectrogram) {
    const isShown = this.spectrogramButton.ariaPressed === "false";
    this.spectrogramButton.ariaPressed = isShown;
    if (isShown && this.#range.span_s > MAX_SPECTROGRAM_S) {
      const start_s = this.#getPosition() - MAX_SPECTROGRAM_S / 10;
      this.#range.show(start_s, start_s + MAX_SPECTROGRAM_S);
    }
    onSpectrogram(isShown);
    this.#show();
  }

  #show() {
    const { start_s, end_s, span_s, isWhole } = this.#range;
    if (isWhole && document.activeElement === this.showAllButton) this.zoomInButton.focus();
    this.showAllButton.style.visibility = isWhole ? "hidden" : ""; // it keeps its place
    const isSpectrogram = this.spectrogramButton.ariaPressed === "true";
    if (isSpectrogram && span_s > MAX_SPECTROGRAM_S) {
      setText(this.#text, `Zoom in to ${MAX_SPECTROGRAM_S} seconds to see the spectrogram.`);
    } else {
      setText(this.#text, isWhole ? "" : `${formatPrecisely(start_s, span_s)} to ${formatPrecisely(end_s, span_s)}`);
    }
  }
}

/** Format a time with as many decimals as the visible span needs. */
function formatPrecisely(time_s, span_s) {
  const decimals = Math.min(Math.max(Math.ceil(1 - Math.log10(span_s)), 0), 4);
  return formatExactTime(time_s, decimals);
}
