// Presets of the mixer, and their buttons.

import { createButton, createElement } from "./dom.js";

const VOCALS = "vocals";
const GUIDE_GAIN = 10 ** (-15 / 20);
const ROUNDING = 0.001;
// By name: the volume of the vocals, and of all other stems.
const VOLUMES = {
  "Full mix": [1, 1],
  Karaoke: [0, 1],
  "A cappella": [1, 0],
  "Backing with guide vocal": [GUIDE_GAIN, 1],
};

export class MixPresets {
  #mixer;
  #buttons = new Map();

  /**
   * @param {Mixer} mixer
   * @param {() => void} onChange Called after a preset has set the faders.
   */
  constructor(mixer, onChange) {
    this.#mixer = mixer;
    const isUseful = mixer.stems.includes(VOCALS) && mixer.stems.length > 1;
    for (const name of isUseful ? Object.keys(VOLUMES) : []) {
      const click = () => {
        this.set(name);
        onChange();
      };
      this.#buttons.set(name, createButton("button.toggle", name, click));
    }
    this.element = createElement("div.presets", { role: "group", ariaLabel: "Presets" }, ...this.#buttons.values());
    this.element.hidden = !isUseful;
    this.show();
  }

  /** The name of the preset that the faders show, or null. */
  get current() {
    return [...this.#buttons.keys()].find((name) => this.#isSet(name)) ?? null;
  }

  /** Show which preset is set. */
  show() {
    const { current } = this;
    for (const [name, button] of this.#buttons) button.ariaPressed = name === current;
  }

  /** Set the faders. The caller shows them. */
  set(name) {
    for (const stem of this.#mixer.stems) {
      Object.assign(this.#mixer.channel(stem), { volume: volumeOf(name, stem), muted: false, soloed: false });
    }
  }

  #isSet(name) {
    return this.#mixer.stemGains().every(([stem, gain]) => Math.abs(gain - volumeOf(name, stem)) < ROUNDING);
  }
}

const volumeOf = (name, stem) => VOLUMES[name][stem === VOCALS ? 0 : 1];
