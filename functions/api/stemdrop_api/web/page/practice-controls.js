// Tempo, pitch, metronome and markers of a song.

import { createButton, createElement, setText } from "./dom.js";
import { formatExactTime } from "./format.js";
import { PITCH_SEMITONES, TEMPO_PERCENT } from "./playback-settings.js";

const CENTS = { min: -50, max: 49, initial: 0 }; // 50 would be a semitone higher, and -50
const MAX_LABEL_LENGTH = 60;

export class PracticeControls {
  #playback;
  #tempo_bpm;
  #tempo;
  #pitch;
  #cents;
  #summary = createElement("span.practice-summary");
  #resetButton;
  #metronome;
  #countInButton;
  #volume;
  #addButton = createButton("button.toggle", "Add marker", () => this.#addMarker());
  #markers = createElement("ol.markers", { ariaLabel: "Markers" });
  #shownMarkers = null;

  /**
   * @param {Playback} playback
   * @param {number|null} tempo_bpm Tempo of the song, if it is known.
   */
  constructor(playback, tempo_bpm) {
    this.#playback = playback;
    this.#tempo_bpm = tempo_bpm;
    this.#tempo = this.#slider("Tempo", TEMPO_PERCENT, (value) => (playback.tempo_percent = value));
    const setPitch = () => (playback.pitch_semitones = this.#pitch.input.valueAsNumber + this.#cents.input.valueAsNumber / 100);
    this.#pitch = this.#slider("Pitch", PITCH_SEMITONES, setPitch);
    this.#cents = this.#slider("Fine pitch", CENTS, setPitch);
    this.#resetButton = createButton("button.toggle", "Reset", () => this.#reset());
    this.element = createElement(
      "details.practice",
      {},
      createElement("summary", {}, "Practice", this.#summary),
      createElement(
        "div.practice-controls",
        {},
        createElement("div.practice-sliders", {}, this.#tempo.label, this.#pitch.label, this.#cents.label, this.#resetButton),
        this.#metronomeControls(),
        createElement(
          "div.practice-row",
          { role: "group", ariaLabel: "Markers" },
          this.#addButton,
          this.#markers,
        ),
      ),
    );
    playback.addEventListener("change", () => this.show());
    this.show();
  }

  /** Show the settings of the playback. */
  show() {
    const { tempo_percent, pitch_semitones, hasMetronome, hasCountIn, metronomeVolume, beats_s } = this.#playback;
    const semitones = Math.round(pitch_semitones);
    const cents = Math.round(100 * (pitch_semitones - semitones));
    const bpm = this.#tempo_bpm ? `, ${Math.round((this.#tempo_bpm * tempo_percent) / 100)} BPM` : "";
    this.#tempo.show(tempo_percent, `${tempo_percent}%${bpm}`);
    this.#pitch.show(semitones, `${signed(semitones)} ${Math.abs(semitones) === 1 ? "semitone" : "semitones"}`);
    this.#cents.show(cents, `${signed(cents)} cents`);
    const parts = [tempo_percent !== 100 && `${tempo_percent}%`, pitch_semitones !== 0 && signed(pitch_semitones)];
    setText(this.#summary, parts.filter(Boolean).join(", "));
    this.#resetButton.disabled = tempo_percent === 100 && pitch_semitones === 0;
    if (beats_s.length > 0) {
      this.#metronome.ariaPressed = hasMetronome;
      this.#countInButton.ariaPressed = hasCountIn;
      this.#volume.value = 100 * Math.sqrt(metronomeVolume);
    }
    this.#showMarkers();
  }

  #slider(name, { min, max, initial }, onInput) {
    const output = createElement("output", { ariaHidden: "true" });
    const set = (value) => {
      input.value = value;
      onInput(input.valueAsNumber);
    };
    const input = createElement("input", {
      type: "range", min, max, step: 1, value: initial, title: "Double-click to reset",
      on: { input: () => onInput(input.valueAsNumber), dblclick: () => set(initial) },
    });
    const show = (value, text) => {
      input.value = value;
      input.ariaValueText = text;
      setText(output, text);
    };
    return { input, show, label: createElement("label", {}, createElement("span", {}, name), input, output) };
  }

  #metronomeControls() {
    if (this.#playback.beats_s.length === 0) {
      return createElement("p.hint", {}, "No clear beat was found, so there is no metronome.");
    }
    const toggle = (text, property) => {
      const click = () => (this.#playback[property] = !this.#playback[property]);
      return createButton("button.toggle", text, click, { ariaPressed: "false" });
    };
    this.#metronome = toggle("Metronome", "hasMetronome");
    this.#countInButton = toggle("Count-in", "hasCountIn");
    this.#volume = createElement("input", {
      type: "range", min: 0, max: 100, ariaLabel: "Volume of the clicks",
      on: { input: () => (this.#playback.metronomeVolume = (this.#volume.value / 100) ** 2) },
    });
    const volume = createElement("label.click-volume", {}, createElement("span", {}, "Clicks"), this.#volume);
    return createElement("div.practice-row", { role: "group", ariaLabel: "Metronome" }, this.#metronome, this.#countInButton, volume);
  }

  #reset() {
    this.#playback.tempo_percent = TEMPO_PERCENT.initial;
    this.#playback.pitch_semitones = PITCH_SEMITONES.initial;
    this.#tempo.input.focus(); // the focused button is disabled now
  }

  #addMarker() {
    const { markers, position_s } = this.#playback;
    const marker = { position_s, label: `Marker ${markers.length + 1}` };
    this.#playback.markers = [...markers, marker];
    const name = this.#markers.children[this.#playback.markers.indexOf(marker)].querySelector("input");
    name.focus();
    name.select();
  }

  /** Show the markers if there are others, so that the focus stays in the name that is edited. */
  #showMarkers() {
    const { markers } = this.#playback;
    if (markers === this.#shownMarkers) return;
    const isRenamed = this.#shownMarkers?.length === markers.length && this.#markers.contains(document.activeElement);
    this.#shownMarkers = markers;
    if (!isRenamed) this.#markers.replaceChildren(...markers.map((marker, index) => this.#markerRow(marker, index)));
  }

  #markerRow({ position_s, label }, index) {
    const time = formatExactTime(position_s, 1);
    const replace = (...others) => (this.#playback.markers = this.#playback.markers.toSpliced(index, 1, ...others));
    const remove = () => {
      replace();
      const next = this.#markers.children[index] ?? this.#markers.lastElementChild;
      (next?.querySelector("button") ?? this.#addButton).focus(); // the focused button is gone now
    };
    const goButton = createButton("button.toggle.marker-time", time, () => this.#playback.seek(position_s));
    const deleteButton = createButton("button.toggle", "Delete", remove);
    const setLabels = (name) => {
      goButton.ariaLabel = `Go to ${name}, ${time}`;
      deleteButton.ariaLabel = `Delete ${name}`;
    };
    const input = createElement("input", {
      type: "text", value: label, maxLength: MAX_LABEL_LENGTH, ariaLabel: `Name of the marker at ${time}`,
      on: {
        input: () => {
          replace({ position_s, label: input.value });
          setLabels(input.value);
        },
      },
    });
    setLabels(label);
    return createElement("li", {}, goButton, input, deleteButton);
  }
}

/** Return a number with its sign: +2, −0.5, 0. */
const signed = (value) => (value > 0 ? "+" : "") + String(Math.round(100 * value) / 100).replace("-", "−");
