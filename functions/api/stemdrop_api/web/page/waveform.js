// The waveform of a stem. A click seeks, and a drag selects a loop.

import { createElement } from "./dom.js";

const BAR_WIDTH = 3;
const BAR_GAP = 1;
const MIN_DRAG_PX = 6;
// Closer to perceived loudness than a linear scale, so that quiet passages are visible.
const HEIGHT_EXPONENT = 0.65;

/** Return a stem's peaks from 0 to 1, given two hex digits for each. */
export function parsePeaks(hex) {
  return Float32Array.from({ length: hex.length / 2 }, (_, index) => parseInt(hex.substr(2 * index, 2), 16) / 255);
}

/** Scale the peaks of several stems by one factor, so that the largest is 1. */
export function normalizePeaks(stemPeaks) {
  const largest = Math.max(1e-6, ...stemPeaks.map((peaks) => Math.max(0, ...peaks)));
  return stemPeaks.map((peaks) => peaks.map((peak) => peak / largest));
}

/** Return the largest of several stems' peaks at each position. */
export function mergePeaks(stemPeaks) {
  return stemPeaks[0].map((_, index) => Math.max(0, ...stemPeaks.map((peaks) => peaks[index] ?? 0)));
}

/** A canvas that dispatches "resize" when it has to be drawn again. Positions are fractions from 0 to 1. */
export class Waveform {
  #peaks;
  #bars = [];
  #lastDrawing = "";
  #observer = new ResizeObserver(() => this.#resize());

  /**
   * @param {Float32Array} peaks
   * @param {{onSeek: (position: number) => void, onSelect: (start: number, end: number) => void}} listeners
   */
  constructor(peaks, { onSeek, onSelect }) {
    this.#peaks = peaks;
    // Screen readers use the position slider and the loop buttons, which do the same.
    this.canvas = createElement("canvas.waveform", { "aria-hidden": "true" });
    this.#observer.observe(this.canvas);
    this.#addListeners(onSeek, onSelect);
  }

  /** Draw the waveform if anything has changed. */
  draw(position, loop, isAudible) {
    const { width, height } = this.canvas;
    if (!this.#bars.length) return;
    const playedBars = Math.round(position * this.#bars.length);
    const style = getComputedStyle(this.canvas);
    const colors = ["--played", "--unplayed", "--loop"].map((name) => style.getPropertyValue(name));
    const drawing = [playedBars, loop?.[0], loop?.[1], isAudible, width, ...colors].join();
    if (drawing === this.#lastDrawing) return;
    this.#lastDrawing = drawing;
    const context = this.canvas.getContext("2d");
    const step = width / this.#bars.length;
    context.clearRect(0, 0, width, height);
    if (loop) {
      context.fillStyle = colors[2];
      context.fillRect(loop[0] * width, 0, (loop[1] - loop[0]) * width, height);
    }
    this.#bars.forEach((peak, index) => {
      context.fillStyle = isAudible && index < playedBars ? colors[0] : colors[1];
      const barHeight = Math.max(peak ** HEIGHT_EXPONENT * height * 0.94, step / 2);
      const barWidth = (step * BAR_WIDTH) / (BAR_WIDTH + BAR_GAP);
      context.fillRect(index * step, (height - barHeight) / 2, barWidth, barHeight);
    });
  }

  close() {
    this.#observer.disconnect();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    const barCount = Math.floor(clientWidth / (BAR_WIDTH + BAR_GAP));
    const peaksPerBar = this.#peaks.length / barCount;
    this.#bars = Array.from({ length: barCount }, (_, index) => {
      const start = Math.floor(index * peaksPerBar);
      const end = Math.max(start + 1, Math.floor((index + 1) * peaksPerBar));
      return Math.max(0, ...this.#peaks.subarray(start, end));
    });
    this.#lastDrawing = "";
    this.canvas.dispatchEvent(new Event("resize"));
  }

  #addListeners(onSeek, onSelect) {
    const canvas = this.canvas;
    const positionAt = ({ offsetX }) => Math.min(Math.max(offsetX / canvas.clientWidth, 0), 1);
    let dragStart = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      dragStart = { x: event.offsetX, position: positionAt(event) };
    });
    canvas.addEventListener("pointerup", (event) => {
      if (dragStart === null) return;
      const start = dragStart.position;
      const end = positionAt(event);
      if (Math.abs(event.offsetX - dragStart.x) < MIN_DRAG_PX) onSeek(end);
      else onSelect(Math.min(start, end), Math.max(start, end));
      dragStart = null;
    });
    canvas.addEventListener("pointercancel", () => {
      dragStart = null;
    });
  }
}
