// Play, the position, and the part that is repeated.

import { make, setText } from "./dom.js";
import { clock } from "./format.js";

export class Controls {
  #transport;
  #start_s = null;
  #seeking = false;

  constructor(transport) {
    this.#transport = transport;
    const button = (text, label, click) =>
      make("button.flag", { type: "button", "aria-label": label, on: { click } }, text);
    this.play = make("button.play", { type: "button", on: { click: () => this.#toggle() } });
    this.now = make("span.time", { "aria-hidden": "true" });
    this.position = make("input.position", {
      type: "range", min: 0, max: transport.duration_s, step: 0.1, value: 0, "aria-label": "Position",
      on: {
        input: () => {
          this.#seeking = true;
          setText(this.now, clock(this.position.valueAsNumber));
        },
        change: () => {
          this.#seeking = false;
          transport.seek(this.position.valueAsNumber);
        },
      },
    });
    this.total = make("span.time", { "aria-hidden": "true" }, clock(transport.duration_s));
    this.from = button("Loop from here", "Loop from here", () => this.#loopFrom());
    this.to = button("to here", "Loop to here", () => this.#loopTo());
    this.clear = button("Loop off", "Loop off", () => this.#loopOff());
    this.element = make(
      "div.controls",
      {},
      this.play,
      this.now,
      this.position,
      this.total,
      make("span.loop", { role: "group", "aria-label": "Loop" }, this.from, this.to, this.clear),
    );
    this.show();
  }

  /** Show where it stands. */
  show() {
    const { playing, waiting, position_s, duration_s, loop } = this.#transport;
    const label = playing ? "Pause" : "Play";
    if (this.play.getAttribute("aria-label") !== label) this.play.setAttribute("aria-label", label);
    this.play.classList.toggle("playing", playing);
    this.play.classList.toggle("waiting", waiting);
    this.to.disabled = this.#start_s === null;
    this.clear.hidden = loop === null;
    this.from.setAttribute("aria-pressed", this.#start_s !== null);
    if (this.#seeking) return;
    const spoken = `${clock(position_s)} of ${clock(duration_s)}`;
    if (this.position.getAttribute("aria-valuetext") !== spoken) {
      this.position.setAttribute("aria-valuetext", spoken);
      setText(this.now, clock(position_s));
    }
    this.position.value = position_s;
  }

  #toggle() {
    if (this.#transport.playing) this.#transport.pause();
    else this.#transport.play();
  }

  #loopFrom() {
    this.#start_s = this.#start_s === null ? this.#transport.position_s : null;
    this.show();
  }

  #loopTo() {
    const ends = [this.#start_s, this.#transport.position_s].sort((a, b) => a - b);
    this.#start_s = null;
    this.#transport.setLoop(...ends);
    if (this.#transport.loop) this.#transport.seek(ends[0]);
    this.from.focus(); // the other one is disabled now
  }

  #loopOff() {
    this.#transport.setLoop(null, null);
    this.from.focus(); // the other one is hidden now
  }
}
