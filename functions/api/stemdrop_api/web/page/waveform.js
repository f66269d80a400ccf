// Draws the outline of a stem; a click goes to a place, a drag chooses a part.

import { make } from "./dom.js";

const BAR = 3;
const GAP = 1;
const DRAG = 6;
// Nearer to how loud it sounds: quiet parts are seen too.
const CURVE = 0.65;

/** Return the outline of a stem: values from 0 to 1. */
export function outlineOf(hex) {
  return Float32Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.substr(2 * at, 2), 16) / 255);
}

/** Return outlines so scaled that the largest of all values is 1. */
export function scaled(outlines) {
  const largest = Math.max(1e-6, ...outlines.map((outline) => Math.max(0, ...outline)));
  return outlines.map((outline) => outline.map((value) => value / largest));
}

/** Return the larger of several outlines, place by place. */
export function largestOf(outlines) {
  return outlines[0].map((_, at) => Math.max(0, ...outlines.map((outline) => outline[at] ?? 0)));
}

export class Waveform {
  #outline;
  #bars = [];
  #drawn = "";
  #observer = new ResizeObserver(() => this.#fit());

  /**
   * @param {Float32Array} outline
   * @param {{onSeek: (share: number) => void, onPart: (from: number, to: number) => void}} listeners
   */
  constructor(outline, { onSeek, onPart }) {
    this.#outline = outline;
    // What it shows can be heard, and what it does the position's slider and the buttons do too.
    this.canvas = make("canvas.waveform", { "aria-hidden": "true" });
    this.#observer.observe(this.canvas);
    this.#listen(onSeek, onPart);
  }

  /** Draw, if anything has changed. */
  draw(share, part, isHeard) {
    const { width, height } = this.canvas;
    if (!this.#bars.length) return;
    const played = Math.round(share * this.#bars.length);
    const style = getComputedStyle(this.canvas);
    const colors = ["--played", "--unplayed", "--part"].map((name) => style.getPropertyValue(name));
    const wanted = [played, part?.[0], part?.[1], isHeard, width, ...colors].join();
    if (wanted === this.#drawn) return;
    this.#drawn = wanted;
    const context = this.canvas.getContext("2d");
    const unit = width / this.#bars.length;
    context.clearRect(0, 0, width, height);
    if (part) {
      context.fillStyle = colors[2];
      context.fillRect(part[0] * width, 0, (part[1] - part[0]) * width, height);
    }
    this.#bars.forEach((level, at) => {
      context.fillStyle = isHeard && at < played ? colors[0] : colors[1];
      const tall = Math.max(level ** CURVE * height * 0.94, unit / 2);
      context.fillRect(at * unit, (height - tall) / 2, (unit * BAR) / (BAR + GAP), tall);
    });
  }

  close() {
    this.#observer.disconnect();
  }

  #fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    const number = Math.floor(clientWidth / (BAR + GAP));
    const perBar = this.#outline.length / number;
    this.#bars = Array.from({ length: number }, (_, at) => {
      const from = Math.floor(at * perBar);
      const to = Math.max(from + 1, Math.floor((at + 1) * perBar));
      return Math.max(0, ...this.#outline.subarray(from, to));
    });
    this.#drawn = "";
    this.canvas.dispatchEvent(new Event("fit"));
  }

  #listen(onSeek, onPart) {
    const canvas = this.canvas;
    const shareOf = ({ offsetX }) => Math.min(Math.max(offsetX / canvas.clientWidth, 0), 1);
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      from = { x: event.offsetX, share: shareOf(event) };
    });
    canvas.addEventListener("pointerup", (event) => {
      if (from === null) return;
      const share = shareOf(event);
      if (Math.abs(event.offsetX - from.x) < DRAG) onSeek(share);
      else onPart(Math.min(from.share, share), Math.max(from.share, share));
      from = null;
    });
    canvas.addEventListener("pointercancel", () => {
      from = null;
    });
  }
}
