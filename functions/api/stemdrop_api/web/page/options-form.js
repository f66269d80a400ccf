// What is to be made of the songs: built from what the server offers, right without a click.

import { make, the } from "./dom.js";
import { capital } from "./format.js";

const HIGHS = "-16kHz";
const HIGH = "high";
const SCALE = "scale";
const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five"];
const FORMATS = {
  wav: "wav – every sample as it is",
  flac: "flac – the same, smaller",
  mp3: "mp3 – plays everywhere",
  m4a: "m4a",
  ogg: "ogg",
  opus: "opus",
  wma: "wma",
};
const DEPTHS = { 16: "16 bits", 24: "24 bits", "32f": "32 bits, floating" };

export class Choices {
  #offer;

  constructor(offer) {
    this.#offer = offer;
    const models = offer.models.filter(({ model }) => !model.endsWith(HIGHS));
    the("models").append(...models.map((model) => this.#radio(model)));
    the("codec").append(
      ...offer.codecs.map(({ codec }) => new Option(FORMATS[codec] ?? codec, codec)),
    );
    const [low, high] = offer.bitrate_range_kbps;
    const rates = [64, 96, 128, 160, 192, 256, 320].filter((rate) => rate >= low && rate <= high);
    the("bitrate").append(...rates.map((rate) => new Option(`${rate} kbit/s`, `${rate}k`)));
    the("bitrate").value = "192k";
    the("codec").addEventListener("change", () => this.#showQuality());
    the("models").addEventListener("change", () => this.#showStems());
    this.show(offer.defaults);
  }

  /** Set the choices to those of a job. */
  show(options) {
    const weights = options.model.replace(HIGHS, "");
    for (const radio of the("models").querySelectorAll("input")) {
      radio.checked = radio.value === weights;
    }
    the("highs").checked = options.model.endsWith(HIGHS);
    the("high-quality").checked = options.quality === HIGH;
    the("codec").value = options.codec;
    this.#showQuality();
    if (options.bit_depth) the("bit-depth").value = options.bit_depth;
    if (options.bitrate) the("bitrate").value = options.bitrate;
    this.#showStems();
    for (const box of the("stems").querySelectorAll("input")) {
      box.checked = options.stems.includes(box.value);
    }
    the("offset").value = options.offset_s || "";
    the("duration").value = options.duration_s || "";
    the("residual").checked = options.residual;
    the("scale").checked = options.clip === SCALE;
  }

  /** Return the choices as options of a job; null if they can't be, and the reason is shown. */
  read() {
    const boxes = [...the("stems").querySelectorAll("input")];
    const stems = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    boxes[0].setCustomValidity(stems.length ? "" : "Choose one stem at least.");
    if (!the("staged").reportValidity()) return null;
    const codec = the("codec").value;
    const depths = this.#depths(codec);
    const options = { model: this.#model() + (the("highs").checked ? HIGHS : ""), codec };
    if (stems.length < boxes.length) options.stems = stems;
    if (depths.length) options.bit_depth = the("bit-depth").value;
    else options.bitrate = the("bitrate").value;
    if (the("high-quality").checked) options.quality = HIGH;
    if (the("scale").checked) options.clip = SCALE;
    if (the("offset").value) options.offset_s = the("offset").valueAsNumber;
    if (the("duration").value) options.duration_s = the("duration").valueAsNumber;
    return { ...options, residual: the("residual").checked, zip: the("zip").checked };
  }

  #radio({ model, stems }) {
    const radio = make("input", { type: "radio", name: "model", value: model });
    const number = `${NUMBERS[stems.length]} stems`;
    const names = capital(stems.join(", "));
    return make("label.choice", {}, radio, make("strong", {}, number), make("small", {}, names));
  }

  #model() {
    return the("models").querySelector("input:checked").value;
  }

  #depths(codec) {
    return this.#offer.codecs.find((offered) => offered.codec === codec).bit_depths;
  }

  #showQuality() {
    const depths = this.#depths(the("codec").value);
    the("bit-depth").replaceChildren(...depths.map((depth) => new Option(DEPTHS[depth], depth)));
    the("bit-depth-field").hidden = depths.length === 0;
    the("bitrate-field").hidden = depths.length > 0;
  }

  #showStems() {
    const { stems } = this.#offer.models.find(({ model }) => model === this.#model());
    const boxes = stems.map((stem) =>
      make("label.box", {}, make("input", { type: "checkbox", value: stem, checked: true }), stem),
    );
    the("stems").replaceChildren(make("legend", {}, "Stems to return"), ...boxes);
  }
}
