// The picture of a track: its waveform, or its spectrogram, with the playhead and the loop.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { createElement } from "./dom.js";

const HEIGHT_SHARE = 0.94;
// Closer to perceived loudness than a linear scale, so that quiet passages are visible.
const HEIGHT_EXPONENT = 0.65;
// Samples below it stay small, as silence should look silent.
const MIN_LARGEST_SAMPLE = 1 / 256;
const MIN_DOT_DISTANCE_PX = 8;

export class Waveform {
  /** Picture that is drawn instead, and its range. @type {{image, start_s, end_s} | null} */
  spectrogram = null;
  #lastDrawing = "";
  #lastSpectrogram = null;
  #canvas = createElement("canvas");
  #loop = createElement("span.waveform-loop", { hidden: true });
  #playhead = createElement("span.playhead");
  #observer;

  /**
   * @param {Peaks} peaks
   * @param {() => void} onResize Called when it has to be drawn again.
   */
  constructor(peaks, onResize) {
    this.peaks = peaks;
    this.samples = null;
    // Screen readers use the position slider and the loop buttons, which do the same.
    this.element = createElement("div.waveform", { ariaHidden: "true" }, this.#loop, this.#canvas, this.#playhead);
    this.#observer = new ResizeObserver(() => {
      this.#canvas.width = Math.round(this.element.clientWidth * devicePixelRatio);
      this.#canvas.height = Math.round(this.element.clientHeight * devicePixelRatio);
      onResize();
    });
    this.#observer.observe(this.element);
  }

  /**
   * Draw what has changed.
   * @param {VisibleRange} range
   * @param {number} gain Factor of the height.
   * @param {boolean} isAudible Whether the track is in color.
   */
  draw(range, gain, isAudible) {
    const { width, height } = this.#canvas;
    if (!width || !height) return;
    this.element.classList.toggle("inaudible", !isAudible);
    const color = getComputedStyle(this.#canvas).color;
    const { start_s, end_s } = range;
    const hasSamples = this.samples?.has(start_s, end_s) ?? false;
    const drawing = [start_s, end_s, width, height, color, gain, hasSamples, this.peaks.largest].join();
    if (drawing === this.#lastDrawing && this.spectrogram === this.#lastSpectrogram) return;
    this.#lastDrawing = drawing;
    this.#lastSpectrogram = this.spectrogram;
    const context = this.#canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.fillStyle = context.strokeStyle = color;
    if (this.spectrogram) this.#drawSpectrogram(context, range);
    else if (hasSamples && (end_s - start_s) * SAMPLE_RATE_HZ < width) this.#drawSamples(context, range);
    else this.#drawExtremes(context, range, gain, hasSamples ? this.samples : null);
  }

  /** Show the playhead and the loop at fractions of the visible range, without a new drawing. */
  showPosition(position, loop) {
    this.#playhead.hidden = position < 0 || position > 1;
    this.#playhead.style.left = `${100 * position}%`;
    this.#loop.hidden = !loop || loop[1] < 0 || loop[0] > 1;
    if (this.#loop.hidden) return;
    const start = Math.max(loop[0], 0);
    this.#loop.style.left = `${100 * start}%`;
    this.#loop.style.width = `${100 * (Math.min(loop[1], 1) - start)}%`;
  }

  close() {
    this.#observer.disconnect();
    this.samples?.clear();
  }

  #drawExtremes(context, { start_s, end_s }, gain, samples) {
    const { width, height } = this.#canvas;
    const extremes = samples ? samples.extremes(start_s, end_s, width) : this.peaks.read(start_s, end_s, width);
    const [middle, scale] = [height / 2, (height / 2) * HEIGHT_SHARE];
    const heightOf = (sample) => Math.sign(sample) * Math.min(Math.abs(sample) * gain, 1) ** HEIGHT_EXPONENT * scale;
    context.beginPath();
    for (let x = 0; x < width; x += 1) {
      const [bottom, top] = [heightOf(extremes[2 * x]), heightOf(extremes[2 * x + 1])];
      context.rect(x, middle - top, 1, Math.max(top - bottom, devicePixelRatio));
    }
    context.fill();
  }

  /** Draw a line through the samples of each channel, and a dot at each if there is room. */
  #drawSamples(context, { start_s, end_s }) {
    const { width, height } = this.#canvas;
    const channels = this.samples.samples(start_s, end_s);
    // The shape matters here, so the scale is linear, and the largest visible sample fills the height.
    const largest = Math.max(MIN_LARGEST_SAMPLE, ...channels.flat().map(([, sample]) => Math.abs(sample)));
    const [middle, scale] = [height / 2, ((height / 2) * HEIGHT_SHARE) / largest];
    const hasDots = width / (end_s - start_s) / SAMPLE_RATE_HZ > MIN_DOT_DISTANCE_PX * devicePixelRatio;
    const radius = 2 * devicePixelRatio;
    context.lineWidth = 1.5 * devicePixelRatio;
    for (const [channel, samples] of channels.entries()) {
      context.globalAlpha = channel === 0 ? 1 : 0.6;
      context.beginPath();
      for (const [fraction, sample] of samples) context.lineTo(fraction * width, middle - sample * scale);
      context.stroke();
      for (const [fraction, sample] of hasDots ? samples : []) {
        context.fillRect(fraction * width - radius, middle - sample * scale - radius, 2 * radius, 2 * radius);
      }
    }
    context.globalAlpha = 1;
  }

  /** Color the spectrogram, of which only the opacity is known. */
  #drawSpectrogram(context, range) {
    const { width, height } = this.#canvas;
    const { image, start_s, end_s } = this.spectrogram;
    const [left, right] = [start_s, end_s].map((time_s) => range.toFraction(time_s) * width);
    context.drawImage(image, left, 0, right - left, height);
    context.globalCompositeOperation = "source-in";
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }
}
