// The mixer's controls of a stem: mute, solo, volume and pan.

import { createButton, createElement } from "./dom.js";

export class ChannelStrip {
  #channel;

  /**
   * @param {string} stem
   * @param {object} channel The stem's settings in the mixer, which the controls change.
   * @param {() => void} onChange
   */
  constructor(stem, channel, onChange) {
    this.#channel = channel;
    const slider = (selector, properties, input) => {
      const on = { input: () => { input(); this.show(); onChange(); } };
      return createElement(selector, { type: "range", min: 0, max: 100, on, ...properties });
    };
    this.muteButton = this.#toggle("Mute", `Mute ${stem}`, "muted", onChange);
    this.soloButton = this.#toggle("Solo", `Solo ${stem}`, "soloed", onChange);
    this.volumeSlider = slider("input.volume", { ariaLabel: `Volume of ${stem}` }, () => {
      channel.volume = toGain(this.volumeSlider.valueAsNumber);
    });
    this.panSlider = slider("input.pan", { min: -100, step: 5, ariaLabel: `Pan of ${stem}` }, () => {
      channel.pan = this.panSlider.valueAsNumber / 100;
    });
    this.panSlider.addEventListener("dblclick", () => {
      channel.pan = 0;
      this.show();
      onChange();
    });
    this.element = createElement("span.channel", {}, this.muteButton, this.soloButton, this.volumeSlider);
    this.panElement = createElement("label.pan-field", { title: "Double-click to center" }, this.panSlider);
    this.show();
  }

  /** Show the channel's settings. */
  show() {
    const { volume, pan, muted, soloed } = this.#channel;
    this.muteButton.ariaPressed = muted;
    this.soloButton.ariaPressed = soloed;
    this.volumeSlider.value = toPercent(volume);
    this.panSlider.value = Math.round(100 * pan);
    this.panSlider.ariaValueText = formatPan(pan);
  }

  #toggle(text, label, name, onChange) {
    const click = () => {
      this.#channel[name] = !this.#channel[name];
      this.show();
      onChange();
    };
    return createButton("button.toggle", text, click, { ariaLabel: label });
  }
}

// The square of a fader's position is closer to perceived loudness.
export const toGain = (percent) => (percent / 100) ** 2;
export const toPercent = (gain) => Math.round(100 * Math.sqrt(gain));

function formatPan(pan) {
  const percent = Math.round(100 * Math.abs(pan));
  if (percent === 0) return "center";
  return `${percent}% ${pan < 0 ? "left" : "right"}`;
}
