// The form of the job options, built from GET /options. Labels that the server sends take precedence.

import { byId, createElement } from "./dom.js";
import { capitalize } from "./format.js";

const WIDE_SUFFIX = "-16kHz"; // of a model that uses the same weights up to 16 kHz
const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five"];
const BITRATES_KBPS = [64, 96, 128, 160, 192, 256, 320];
const DEFAULT_BITRATE = "192k";
const CODEC_LABELS = {
  wav: "WAV – uncompressed",
  flac: "FLAC – lossless, smaller",
  mp3: "MP3 – plays everywhere",
  m4a: "M4A (AAC)",
  ogg: "Ogg Vorbis",
  opus: "Opus",
  wma: "WMA",
};
const BIT_DEPTH_LABELS = { 16: "16-bit", 24: "24-bit", "32f": "32-bit float" };
// One checkbox for each, with the option's value while it is checked. Otherwise it has its default.
const CHECKBOXES = [
  { name: "quality", checkedValue: "high", label: "Higher quality than standard Spleeter, in about twice the time" },
  { name: "residual", checkedValue: true, label: "Add a residual stem, so that all stems add up to the song" },
  { name: "clip", checkedValue: "scale", label: "Make all stems quieter if one of them would clip" },
  { name: "zip", checkedValue: true, label: "Create a ZIP file of all stems" },
];

export class OptionsForm {
  #capabilities;
  #wide = createElement("input", { type: "checkbox" });
  #checkboxes = new Map();

  /** @param {object} capabilities Response of GET /options. */
  constructor(capabilities) {
    this.#capabilities = capabilities;
    const { codecs, models, bitrate_range_kbps, defaults } = capabilities;
    const narrow = models.filter(({ model }) => !model.endsWith(WIDE_SUFFIX));
    byId("models").append(...narrow.map((model) => this.#modelRadio(model)));
    byId("codec").append(
      ...codecs.map(({ codec, label }) => new Option(label ?? CODEC_LABELS[codec] ?? codec, codec)),
    );
    const [lowest, highest] = bitrate_range_kbps;
    const bitrates = BITRATES_KBPS.filter((bitrate) => bitrate >= lowest && bitrate <= highest);
    byId("bitrate").append(...bitrates.map((bitrate) => new Option(`${bitrate} kbit/s`, `${bitrate}k`)));
    byId("bitrate").value = DEFAULT_BITRATE;
    this.#addCheckboxes();
    byId("codec").addEventListener("change", () => this.#showCodec());
    byId("models").addEventListener("change", () => this.#showStems());
    this.show({ ...defaults, zip: true });
  }

  /** Show the options of a job. */
  show(options) {
    const narrowModel = options.model.replace(WIDE_SUFFIX, "");
    for (const radio of byId("models").querySelectorAll("input")) {
      radio.checked = radio.value === narrowModel;
    }
    this.#wide.checked = options.model.endsWith(WIDE_SUFFIX);
    byId("codec").value = options.codec;
    this.#showCodec();
    if (options.bit_depth) byId("bit-depth").value = options.bit_depth;
    if (options.bitrate) byId("bitrate").value = options.bitrate;
    this.#showStems();
    for (const checkbox of this.#stemCheckboxes()) checkbox.checked = options.stems.includes(checkbox.value);
    byId("offset").value = options.offset_s || "";
    byId("duration").value = options.duration_s || "";
    for (const { name, checkedValue } of CHECKBOXES) {
      this.#checkboxes.get(name).checked = options[name] === checkedValue;
    }
  }

  /** Return the options for a job request, or null after showing what is invalid. */
  read() {
    const all = this.#stemCheckboxes();
    const stems = all.filter(({ checked }) => checked).map(({ value }) => value);
    all[0].setCustomValidity(stems.length ? "" : "Choose at least one stem.");
    if (!byId("options-form").reportValidity()) return null;
    const codec = byId("codec").value;
    const options = { model: this.#model() + (this.#wide.checked ? WIDE_SUFFIX : ""), codec };
    if (stems.length < all.length) options.stems = stems;
    if (this.#bitDepths(codec).length) options.bit_depth = byId("bit-depth").value;
    else options.bitrate = byId("bitrate").value;
    if (byId("offset").value) options.offset_s = byId("offset").valueAsNumber;
    if (byId("duration").value) options.duration_s = byId("duration").valueAsNumber;
    const { defaults } = this.#capabilities;
    for (const { name, checkedValue } of CHECKBOXES) {
      options[name] = this.#checkboxes.get(name).checked ? checkedValue : defaults[name];
    }
    return options;
  }

  #addCheckboxes() {
    const label = (checkbox, text) => createElement("label.checkbox", {}, checkbox, text);
    const wide = label(this.#wide, "Keep high frequencies up to 16 kHz instead of 11 kHz");
    wide.hidden = !this.#capabilities.models.some(({ model }) => model.endsWith(WIDE_SUFFIX));
    byId("checkboxes").append(wide);
    for (const { name, label: text } of CHECKBOXES) {
      const checkbox = createElement("input", { type: "checkbox" });
      this.#checkboxes.set(name, checkbox);
      byId("checkboxes").append(label(checkbox, text));
    }
  }

  #modelRadio({ model, stems, label }) {
    const radio = createElement("input", { type: "radio", name: "model", value: model });
    const title = label ?? `${NUMBERS[stems.length]} stems`;
    const names = capitalize(stems.join(", "));
    return createElement(
      "label.radio-card",
      {},
      radio,
      createElement("strong", {}, title),
      createElement("small", {}, names),
    );
  }

  #model() {
    return byId("models").querySelector("input:checked").value;
  }

  #bitDepths(codec) {
    return this.#capabilities.codecs.find((row) => row.codec === codec).bit_depths;
  }

  #showCodec() {
    const bitDepths = this.#bitDepths(byId("codec").value);
    byId("bit-depth").replaceChildren(
      ...bitDepths.map((bitDepth) => new Option(BIT_DEPTH_LABELS[bitDepth] ?? bitDepth, bitDepth)),
    );
    byId("bit-depth-field").hidden = bitDepths.length === 0;
    byId("bitrate-field").hidden = bitDepths.length > 0;
  }

  #showStems() {
    const { stems } = this.#capabilities.models.find(({ model }) => model === this.#model());
    const checkboxes = stems.map((stem) =>
      createElement(
        "label.checkbox",
        {},
        createElement("input", { type: "checkbox", value: stem, checked: true }),
        stem,
      ),
    );
    byId("stems").replaceChildren(createElement("legend", {}, "Stems to return"), ...checkboxes);
  }

  #stemCheckboxes() {
    return [...byId("stems").querySelectorAll("input")];
  }
}
