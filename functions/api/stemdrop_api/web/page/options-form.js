// The form of the job options, built from GET /options.

import { byId, createElement, setText } from "./dom.js";
import { capitalize } from "./format.js";
import { canPlay } from "./playable-formats.js";
import { LyricsChoice } from "./lyrics-choice.js";
import { QualityChoice } from "./quality-choice.js";
import { unplayableNote } from "./stem-downloads.js";

const WIDE_SUFFIX = "-16kHz"; // of a model that uses the same weights up to 16 kHz
const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five"];
const DEFAULT_BITRATE = "192k";
const BITRATE_GAINS = {
  "64k": "smallest, for speech",
  "128k": "small",
  "192k": "good",
  "256k": "very good",
  "320k": "best, largest",
};
const FULL_BAND_QUALITY = "high"; // it has all frequencies with every model
const LOSSLESS_ONLY = "sample_rate";
const STEM_FILE = "stem_file";
const STEM_FILE_CODECS = ["m4a", "alac"];
const STEMS_OF_STEM_FILE = 4;
// Fields that are empty at the default.
const FIELDS = { offset_s: "offset", duration_s: "duration", track: "track", title_format: "title-format" };
// These options have controls of their own. Every other option with two values becomes a checkbox.
const CONTROLS = new Set([
  "model", "stems", "quality", "codec", "bitrate", "bit_depth", "offset_s", "duration_s", "track", "title_format",
  "lyrics", "language",
]);

export class OptionsForm {
  #capabilities;
  #options;
  #wide = createElement("input", { type: "checkbox" });
  #checkboxes = [];
  #quality;
  #lyrics;

  /** @param {object} capabilities Response of GET /options. */
  constructor(capabilities) {
    this.#capabilities = capabilities;
    const { models, defaults, options } = capabilities;
    this.#options = new Map(options.map((option) => [option.name, option]));
    const narrow = models.filter(({ model }) => !model.endsWith(WIDE_SUFFIX));
    byId("models").append(...narrow.map((model) => this.#modelRadio(model)));
    this.#quality = new QualityChoice(this.#options.get("quality"), capabilities.estimates);
    this.#lyrics = new LyricsChoice(this.#options, capabilities.lyrics);
    this.#addCodecs();
    byId("bitrate").append(...this.#options.get("bitrate").examples.map(bitrateOption));
    byId("bitrate").value = DEFAULT_BITRATE;
    byId("track").title = this.#options.get("track").description;
    byId("title-format").placeholder = defaults.title_format;
    byId("title-format").title = this.#options.get("title_format").description;
    this.#addCheckboxes();
    byId("codec").addEventListener("change", () => this.#showCodec());
    byId("models").addEventListener("change", () => this.#showStems());
    byId("options-form").addEventListener("change", () => this.#showDependent());
    this.show({ ...defaults, zip: true });
  }

  /** Show the options of a job. */
  show(options) {
    const narrowModel = options.model.replace(WIDE_SUFFIX, "");
    for (const radio of byId("models").querySelectorAll("input")) {
      radio.checked = radio.value === narrowModel;
    }
    this.#wide.checked = options.model.endsWith(WIDE_SUFFIX);
    this.#quality.value = options.quality;
    this.#lyrics.options = options;
    byId("codec").value = options.codec;
    this.#showCodec();
    if (options.bit_depth) byId("bit-depth").value = options.bit_depth;
    if (options.bitrate) byId("bitrate").value = options.bitrate;
    this.#showStems();
    for (const checkbox of this.#stemCheckboxes()) checkbox.checked = options.stems.includes(checkbox.value);
    const { defaults } = this.#capabilities;
    for (const [name, id] of Object.entries(FIELDS)) {
      byId(id).value = options[name] === defaults[name] ? "" : (options[name] ?? "");
    }
    for (const { name, checkbox, checkedValue } of this.#checkboxes) {
      checkbox.checked = options[name] === checkedValue;
    }
    this.#showDependent();
  }

  /** Show the time and the price of this many songs. */
  showEstimates(songCount) {
    this.#quality.show({ songCount: Math.max(songCount, 1) });
    this.#lyrics.showEstimate(Math.max(songCount, 1));
  }

  /** Return the options for a job request, or null after showing what is invalid. */
  read() {
    const all = this.#stemCheckboxes();
    const stems = all.filter(({ checked }) => checked).map(({ value }) => value);
    all[0].setCustomValidity(stems.length ? "" : "Choose at least one stem.");
    const form = byId("options-form");
    form.querySelector("details").open ||= !form.checkValidity();
    if (!form.reportValidity()) return null;
    const codec = byId("codec").value;
    const options = { model: this.#modelWithBand(), quality: this.#quality.value, codec, ...this.#lyrics.options };
    if (stems.length < all.length) options.stems = stems;
    if (this.#bitDepths(codec).length) options.bit_depth = byId("bit-depth").value;
    else options.bitrate = byId("bitrate").value;
    for (const [name, id] of Object.entries(FIELDS)) {
      const { value, type, valueAsNumber } = byId(id);
      if (value) options[name] = type === "number" ? valueAsNumber : value;
    }
    const { defaults } = this.#capabilities;
    for (const { name, checkbox, checkedValue } of this.#checkboxes) {
      options[name] = checkbox.checked && !checkbox.disabled ? checkedValue : defaults[name];
    }
    return options;
  }

  /** Add the formats: first what can be played on the page, then what can only be saved. */
  #addCodecs() {
    const { values } = this.#options.get("codec");
    const addGroup = (title, shown) => {
      const group = createElement("optgroup", { label: title });
      group.append(...shown.map(({ value, label }) => new Option(label, value)));
      if (shown.length) byId("codec").append(group);
    };
    addGroup("Plays on this page", values.filter(({ value }) => canPlay(value)));
    addGroup("To save only: this browser can’t play it", values.filter(({ value }) => !canPlay(value)));
  }

  #addCheckboxes() {
    const label = (checkbox, text) => createElement("label.checkbox", {}, checkbox, text);
    const wide = label(this.#wide, "Brighter stems: keep high frequencies up to 16 kHz instead of 11 kHz");
    wide.hidden = !this.#capabilities.models.some(({ model }) => model.endsWith(WIDE_SUFFIX));
    byId("checkboxes").append(wide);
    for (const option of this.#options.values()) {
      const checked = CONTROLS.has(option.name) ? null : checkedState(option);
      if (!checked) continue;
      const checkbox = createElement("input", { type: "checkbox" });
      this.#checkboxes.push({ name: option.name, checkbox, checkedValue: checked.value });
      byId("checkboxes").append(label(checkbox, checked.label));
    }
  }

  #modelRadio({ model, stems }) {
    const radio = createElement("input", { type: "radio", name: "model", value: model });
    const title = `${NUMBERS[stems.length]} stems`;
    const names = capitalize(stems.join(", "));
    const lines = [createElement("strong", {}, title), createElement("small", {}, names)];
    return createElement("label.radio-card", {}, radio, ...lines);
  }

  #model() {
    return byId("models").querySelector("input:checked").value;
  }

  #modelWithBand() {
    return this.#model() + (this.#wide.checked && !this.#wide.disabled ? WIDE_SUFFIX : "");
  }

  #bitDepths(codec) {
    return this.#capabilities.codecs.find((row) => row.codec === codec).bit_depths;
  }

  #showCodec() {
    const codec = byId("codec").value;
    setText(byId("codec-note"), canPlay(codec) ? "" : unplayableNote(codec));
    const bitDepths = this.#bitDepths(codec);
    const values = this.#options.get("bit_depth").values.filter(({ value }) => bitDepths.includes(value));
    byId("bit-depth").replaceChildren(...values.map(({ value, label }) => new Option(label, value)));
    byId("bit-depth-field").hidden = bitDepths.length === 0;
    byId("bitrate-field").hidden = bitDepths.length > 0;
    for (const { name, checkbox } of this.#checkboxes) {
      if (name === LOSSLESS_ONLY) checkbox.disabled = bitDepths.length === 0;
    }
  }

  /** Show what depends on other options. A stem file takes four stems in one of its formats. */
  #showDependent() {
    this.#wide.disabled = this.#quality.value === FULL_BAND_QUALITY;
    this.#quality.show({ model: this.#modelWithBand() });
    const named = (name) => this.#checkboxes.find((row) => row.name === name).checkbox;
    const chosen = [...this.#stemCheckboxes(), named("residual")].filter(({ checked }) => checked);
    const fits = STEM_FILE_CODECS.includes(byId("codec").value) && !named("channels").checked;
    named(STEM_FILE).disabled = !fits || chosen.length !== STEMS_OF_STEM_FILE;
  }

  #showStems() {
    const { stems } = this.#capabilities.models.find(({ model }) => model === this.#model());
    const checkboxes = stems.map((stem) =>
      createElement("label.checkbox", {}, createElement("input", { type: "checkbox", value: stem, checked: true }), stem),
    );
    byId("stems").replaceChildren(createElement("legend", {}, "Stems to return: fewer take less room"), ...checkboxes);
  }

  #stemCheckboxes() {
    return [...byId("stems").querySelectorAll("input")];
  }
}

function bitrateOption(bitrate) {
  const rate = bitrate.replace("k", " kbit/s");
  return new Option(bitrate in BITRATE_GAINS ? `${rate} – ${BITRATE_GAINS[bitrate]}` : rate, bitrate);
}

/** Return the value and the label of an option that is not at its default, or null if there are several. */
function checkedState({ type, label, values, default: initial }) {
  if (type === "boolean") return { value: !initial, label };
  const others = values.filter(({ value }) => value !== initial);
  return others.length === 1 ? others[0] : null;
}
