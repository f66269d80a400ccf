// One end of the loop on the timeline, which is dragged, or moved by the arrow keys.

import { createElement } from "./dom.js";
import { formatExactTime } from "./format.js";
import { clamp, MIN_LOOP_S } from "./playback-settings.js";

const STEP_S = 0.01;
const LARGE_STEP_S = 0.1;
const LABELS = { start_s: "Start of the loop", end_s: "End of the loop" };
const DIRECTIONS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

export class LoopHandle {
  /** The loop while this end is dragged, else null. It is applied when the drag ends. */
  draggedLoop = null;
  #edge;
  #playback;
  #range;

  /**
   * @param {"start_s"|"end_s"} edge
   * @param {Playback} playback
   * @param {VisibleRange} range
   * @param {() => void} onDrag
   */
  constructor(edge, playback, range, onDrag) {
    this.#edge = edge;
    this.#playback = playback;
    this.#range = range;
    this.element = createElement(
      "div.loop-handle",
      { role: "slider", tabIndex: 0, ariaLabel: LABELS[edge], "data-edge": edge, on: this.#listeners(onDrag) },
      createElement("span.handle-time", { ariaHidden: "true" }),
    );
  }

  /** Show this end of a loop, or nothing without a loop. */
  show(loop) {
    const fraction = loop ? this.#range.toFraction(loop[this.#edge]) : -1;
    this.element.hidden = fraction < 0 || fraction > 1;
    if (this.element.hidden) return;
    const text = formatExactTime(loop[this.#edge], 2);
    const { min, max } = this.#limits(loop);
    this.element.style.left = `${100 * fraction}%`;
    this.element.classList.toggle("dragged", this.draggedLoop !== null);
    this.element.firstChild.textContent = text;
    const now = loop[this.#edge].toFixed(3);
    Object.assign(this.element, { ariaValueMin: min, ariaValueMax: max, ariaValueNow: now, ariaValueText: text });
  }

  #limits({ start_s, end_s }) {
    if (this.#edge === "start_s") return { min: 0, max: end_s - MIN_LOOP_S };
    return { min: start_s + MIN_LOOP_S, max: this.#playback.duration_s };
  }

  /** Return a loop with this end moved, as far as it can be. */
  #moved(loop, time_s) {
    return { ...loop, [this.#edge]: clamp(time_s, this.#limits(loop)) };
  }

  #listeners(onDrag) {
    const drag = (event) => {
      const { left, width } = this.element.parentElement.getBoundingClientRect();
      const time_s = this.#range.toSeconds((event.clientX - left) / width);
      this.draggedLoop = this.#moved(this.#playback.loop, time_s);
      onDrag();
    };
    const end = (isApplied) => {
      const loop = this.draggedLoop;
      this.draggedLoop = null;
      if (isApplied && loop) this.#playback.setLoop(loop.start_s, loop.end_s);
      onDrag();
    };
    return {
      pointerdown: (event) => {
        if (event.button !== 0) return;
        this.element.setPointerCapture(event.pointerId);
        this.element.focus();
        event.preventDefault();
      },
      pointermove: (event) => this.element.hasPointerCapture(event.pointerId) && drag(event),
      pointerup: () => end(true),
      pointercancel: () => end(false),
      keydown: (event) => {
        const direction = DIRECTIONS[event.key];
        if (!direction) return;
        event.preventDefault();
        event.stopPropagation();
        const { loop } = this.#playback;
        const step_s = event.shiftKey ? LARGE_STEP_S : STEP_S;
        const { start_s, end_s } = this.#moved(loop, loop[this.#edge] + direction * step_s);
        this.#playback.setLoop(start_s, end_s);
      },
    };
  }
}
