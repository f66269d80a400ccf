// The play button, the position slider and the loop buttons.

import { createButton, createElement, setText } from "./dom.js";
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
    const button = (text, ariaLabel, click) => createButton("button.toggle", text, click, { ariaLabel });
    this.playButton = createButton("button.play", "", () => playback.toggle());
    this.currentTime = createElement("span.time", { ariaHidden: "true" });
    this.positionSlider = this.#createPositionSlider();
    this.totalTime = createElement("span.time", { ariaHidden: "true" }, formatTime(playback.duration_s));
    this.startLoopButton = button("Loop from here", "Loop from here", () => this.#startLoop());
    this.endLoopButton = button("to here", "Loop to here", () => this.#endLoop());
    this.clearLoopButton = button("Loop off", "Loop off", () => this.#clearLoop());
    const loopButtons = [this.startLoopButton, this.endLoopButton, this.clearLoopButton];
    this.element = createElement(
      "div.controls",
      {},
      createElement(
        "div.transport",
        {},
        createElement("span.transport-title", { ariaHidden: "true" }, title),
        this.playButton,
        this.currentTime,
        this.positionSlider,
        this.totalTime,
      ),
      createElement("span.loop-buttons", { role: "group", ariaLabel: "Loop" }, ...loopButtons),
    );
    this.show();
  }

  /** Show the current state of the playback. */
  show() {
    const { position_s, duration_s, loop } = this.#playback;
    showPlayButton(this.playButton, this.#playback);
    this.endLoopButton.disabled = this.#loopStart_s === null;
    this.clearLoopButton.hidden = loop === null;
    this.startLoopButton.ariaPressed = this.#loopStart_s !== null;
    if (this.#isSeeking) return;
    const valueText = `${formatTime(position_s)} of ${formatTime(duration_s)}`;
    if (this.positionSlider.ariaValueText !== valueText) {
      this.positionSlider.ariaValueText = valueText;
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
      ariaLabel: "Position",
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

/** Show the state of the playback on a button that toggles it. */
export function showPlayButton(button, { isPlaying, isBuffering }) {
  const label = isPlaying ? "Pause" : "Play";
  if (button.ariaLabel !== label) button.ariaLabel = label;
  button.classList.toggle("playing", isPlaying);
  button.classList.toggle("buffering", isBuffering);
}
