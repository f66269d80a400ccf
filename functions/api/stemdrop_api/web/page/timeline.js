// The strip above the waveforms: times, beats, markers, and the handles of the loop.

import { createElement } from "./dom.js";
import { formatExactTime } from "./format.js";
import { LoopHandle } from "./loop-handle.js";

const TICK_STEPS_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
const MIN_TICK_DISTANCE_PX = 64;
const MIN_BEAT_DISTANCE_PX = 4;
const FONT = "11px system-ui, sans-serif";
const TICK_PX = 6;
const BEAT_PX = 9;

export class Timeline {
  #playback;
  #range;
  #canvas = createElement("canvas", { ariaHidden: "true" });
  #playhead = createElement("div.playhead");
  #flags = createElement("div.flags", { ariaHidden: "true" });
  #handles;
  #listeners = new AbortController();
  #observer = new ResizeObserver(() => this.show());

  /**
   * @param {Playback} playback
   * @param {VisibleRange} range
   * @param {() => void} onDrag Called while a handle is dragged.
   */
  constructor(playback, range, onDrag) {
    this.#playback = playback;
    this.#range = range;
    this.#handles = ["start_s", "end_s"].map((edge) => new LoopHandle(edge, playback, range, () => {
      this.#showHandles();
      onDrag();
    }));
    this.#canvas.addEventListener("click", ({ offsetX }) => {
      playback.seek(range.toSeconds(offsetX / this.#canvas.clientWidth));
    });
    const handles = this.#handles.map(({ element }) => element);
    this.element = createElement("div.timeline", {}, this.#canvas, this.#playhead, this.#flags, ...handles);
    const { signal } = this.#listeners;
    const colors = matchMedia("(prefers-color-scheme: dark)");
    for (const target of [playback, range, colors]) target.addEventListener("change", () => this.show(), { signal });
    this.#observer.observe(this.element);
  }

  /** The loop as it is dragged, or as it is. */
  get loop() {
    return this.#handles.map((handle) => handle.draggedLoop).find((loop) => loop !== null) ?? this.#playback.loop;
  }

  /** Show the position of the playback. */
  showPosition() {
    const fraction = this.#range.toFraction(this.#playback.position_s);
    this.#playhead.hidden = !isVisible(fraction);
    this.#playhead.style.left = `${100 * fraction}%`;
  }

  show() {
    this.#drawScale();
    this.#showHandles();
    this.#showFlags();
    this.showPosition();
  }

  close() {
    this.#listeners.abort();
    this.#observer.disconnect();
  }

  #showHandles() {
    for (const handle of this.#handles) handle.show(this.loop);
  }

  #showFlags() {
    const flags = this.#playback.markers.map(({ position_s, label }) => {
      const fraction = this.#range.toFraction(position_s);
      const click = () => this.#playback.seek(position_s);
      const flag = createElement("span.flag", { title: label, on: { click } }, label);
      flag.style.left = `${100 * fraction}%`;
      return isVisible(fraction) ? flag : null;
    });
    this.#flags.replaceChildren(...flags.filter(Boolean));
  }

  #drawScale() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const context = this.#canvas.getContext("2d");
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    context.font = FONT;
    const { start_s, end_s } = this.#range;
    const pixels = (time_s) => Math.round(this.#range.toFraction(time_s) * width);
    const perPixel_s = (end_s - start_s) / Math.max(width, 1);
    const step_s = TICK_STEPS_S.find((step) => step >= MIN_TICK_DISTANCE_PX * perPixel_s) ?? TICK_STEPS_S.at(-1);
    const decimals = Math.max(0, -Math.floor(Math.log10(step_s)));
    for (let index = Math.ceil(start_s / step_s); index * step_s <= end_s; index += 1) {
      const x = pixels(index * step_s);
      context.fillRect(x, 0, 1, TICK_PX);
      context.fillText(formatExactTime(index * step_s, decimals), x + 4, 11);
    }
    const beats_s = this.#playback.beats_s.filter((time_s) => time_s >= start_s && time_s <= end_s);
    if (beats_s.length * MIN_BEAT_DISTANCE_PX > width) return;
    context.globalAlpha = 0.6;
    for (const time_s of beats_s) context.fillRect(pixels(time_s), height - BEAT_PX, 1, BEAT_PX);
  }
}

const isVisible = (fraction) => fraction >= 0 && fraction <= 1;
