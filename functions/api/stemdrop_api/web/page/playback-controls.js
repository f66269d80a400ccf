// The play button, the position slider and the loop buttons.

import { createElement, setText } from "./dom.js";
import { formatTime } from "./format.js";

export class PlaybackControls {
  #playback;
  #loopStart_s = null;
  #isSeeking = false;

  /**
   * @param {Playback} playback
   * @param {string} title Title of the song, which a phone shows at the bottom of the window.
   */
  constructor(playback, title) {
    this.#playback = playback;
    const button = (text, label, click) =>
      createElement("button.toggle", { type: "button", "aria-label": label, on: { click } }, text);
    this.playButton = createElement("button.play", { type: "button", on: { click: () => this.#togglePlayback() } });
    this.currentTime = createElement("span.time", { "aria-hidden": "true" });
    this.positionSlider = this.#createPositionSlider();
    this.totalTime = createElement("span.time", { "aria-hidden": "true" }, formatTime(playback.duration_s));
    this.startLoopButton = button("Loop from here", "Loop from here", () => this.#startLoop());
    this.endLoopButton = button("to here", "Loop to here", () => this.#endLoop());
    this.clearLoopButton = button("Loop off", "Loop off", () => this.#clearLoop());
    this.element = createElement(
      "div.controls",
      {},
      createElement(
        "div.transport",
        {},
        createElement("span.transport-title", { "aria-hidden": "true" }, title),
        this.playButton,
        this.currentTime,
        this.positionSlider,
        this.totalTime,
      ),
      createElement(
        "span.loop-buttons",
        { role: "group", "aria-label": "Loop" },
        this.startLoopButton,
        this.endLoopButton,
        this.clearLoopButton,
      ),
    );
    this.show();
  }

  /** Show the current state of the playback. */
  show() {
    const { isPlaying, isBuffering, position_s, duration_s, loop } = this.#playback;
    const label = isPlaying ? "Pause" : "Play";
    if (this.playButton.getAttribute("aria-label") !== label) this.playButton.setAttribute("aria-label", label);
    this.playButton.classList.toggle("playing", isPlaying);
    this.playButton.classList.toggle("buffering", isBuffering);
    this.endLoopButton.disabled = this.#loopStart_s === null;
    this.clearLoopButton.hidden = loop === null;
    this.startLoopButton.setAttribute("aria-pressed", this.#loopStart_s !== null);
    if (this.#isSeeking) return;
    const valueText = `${formatTime(position_s)} of ${formatTime(duration_s)}`;
    if (this.positionSlider.getAttribute("aria-valuetext") !== valueText) {
      this.positionSlider.setAttribute("aria-valuetext", valueText);
      setText(this.currentTime, formatTime(position_s));
    }
    this.positionSlider.value = position_s;
  }

  #createPositionSlider() {
    const slider = createElement("input.position", {
      type: "range",
      min: 0,
      max: this.#playback.duration_s,
      step: 0.1,
      value: 0,
      "aria-label": "Position",
      on: {
        input: () => {
          this.#isSeeking = true;
          setText(this.currentTime, formatTime(slider.valueAsNumber));
        },
        change: () => {
          this.#isSeeking = false;
          this.#playback.seek(slider.valueAsNumber);
        },
      },
    });
    return slider;
  }

  #togglePlayback() {
    if (this.#playback.isPlaying) this.#playback.pause();
    else this.#playback.play();
  }

  #startLoop() {
    this.#loopStart_s = this.#loopStart_s === null ? this.#playback.position_s : null;
    this.show();
  }

  #endLoop() {
    const [start_s, end_s] = [this.#loopStart_s, this.#playback.position_s].sort((a, b) => a - b);
    this.#loopStart_s = null;
    this.#playback.setLoop(start_s, end_s);
    if (this.#playback.loop) this.#playback.seek(start_s);
    this.startLoopButton.focus(); // the focused button is disabled now
  }

  #clearLoop() {
    this.#playback.setLoop(null, null);
    this.startLoopButton.focus(); // the focused button is hidden now
  }
}
