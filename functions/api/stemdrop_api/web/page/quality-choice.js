// The choice of the quality, with what each gains, its time and its price.

import { byId, createElement, setText } from "./dom.js";
import { formatEstimate, formatPrice, pluralize } from "./format.js";

const SONG_MINUTES = 3;
const GAINS = {
  spleeter: "The stems that Spleeter makes, sample for sample.",
  high: "Less of the other instruments in each stem, and full treble.",
};

export class QualityChoice {
  #estimates;
  #cards = [];
  #songCount = 1;
  #model = "";

  /**
   * @param {{values: {value: string, label: string}[], default: string}} option The option "quality".
   * @param {object[]} estimates Estimates of GET /options.
   */
  constructor(option, estimates) {
    this.#estimates = estimates;
    for (const { value, label } of option.values) {
      const radio = createElement("input", { type: "radio", name: "quality", value });
      const estimate = createElement("small.estimate");
      const gain = createElement("small", {}, GAINS[value] ?? "");
      byId("qualities").append(
        createElement("label.radio-card", {}, radio, createElement("strong", {}, label), gain, estimate),
      );
      this.#cards.push({ radio, estimate });
    }
  }

  /** The chosen quality. */
  get value() {
    return this.#cards.find(({ radio }) => radio.checked).radio.value;
  }

  set value(quality) {
    for (const { radio } of this.#cards) radio.checked = radio.value === quality;
  }

  /** Show the time and the price of songs of three minutes, with a model. */
  show({ model = this.#model, songCount = this.#songCount }) {
    this.#model = model;
    this.#songCount = songCount;
    for (const { radio, estimate } of this.#cards) {
      const row = this.#estimates.find((other) => other.model === model && other.quality === radio.value);
      setText(estimate, row ? estimateText(row, songCount) : "");
    }
  }
}

function estimateText({ seconds_per_audio_minute, usd_per_audio_minute }, songCount) {
  const duration_s = seconds_per_audio_minute * SONG_MINUTES;
  const time = duration_s < 55 ? pluralize(Math.round(duration_s) || 1, "second") : formatEstimate(duration_s);
  const price = formatPrice(usd_per_audio_minute * SONG_MINUTES * songCount);
  if (songCount === 1) return `About ${time} and ${price} for a song of ${SONG_MINUTES} minutes`;
  return `About ${time} for a song of ${SONG_MINUTES} minutes, and ${price} for ${songCount}`;
}
