// What the user has set for a song: faders, pitch, tempo, loop, metronome, markers and position. It is stored
// in this browser, and goes into links. Both can contain anything, so all of it is checked.

import { loadSettings, storeSettings } from "./library-storage.js";
import { clamp, METRONOME_VOLUME, PITCH_SEMITONES, TEMPO_PERCENT } from "./playback-settings.js";

const SAVE_DELAY_MS = 500;
const VOLUME = { min: 0, max: 1, initial: 1 };
const PAN = { min: -1, max: 1, initial: 0 };
const MAX_MARKERS = 100;
const MAX_LABEL_LENGTH = 60;
const DECIMALS = 1e6; // exact to a sample

/** Return settings with every value in its range. Unknown fields are left out. */
export function parseSettings(value, stems, duration_s, channels = value?.stems) {
  const { pitch_semitones, tempo_percent, loop, markers, position_s } = value ?? {};
  const seconds = (number) => toNumber(number, { min: 0, max: duration_s, initial: 0 });
  const [start_s, end_s] = [seconds(loop?.start_s), seconds(loop?.end_s)];
  return {
    stems: Object.fromEntries(stems.map((stem) => [stem, parseChannel(channels?.[stem])])),
    pitch_semitones: toNumber(pitch_semitones, PITCH_SEMITONES),
    tempo_percent: toNumber(tempo_percent, TEMPO_PERCENT),
    hasCountIn: value?.hasCountIn === true,
    hasMetronome: value?.hasMetronome === true,
    metronomeVolume: toNumber(value?.metronomeVolume, METRONOME_VOLUME),
    loop: end_s > start_s ? { start_s, end_s } : null,
    markers: (Array.isArray(markers) ? markers : []).slice(0, MAX_MARKERS).map((marker) => ({
      position_s: seconds(marker?.position_s),
      label: typeof marker?.label === "string" ? marker.label.slice(0, MAX_LABEL_LENGTH) : "",
    })),
    position_s: seconds(position_s),
  };
}

/** Restores the settings of a song that is played, and stores them after every change. */
export class SongSettings {
  #id;
  #mixer;
  #playback;
  #timer = null;
  #store = () => storeSettings(this.#id, this.current);

  constructor(id, mixer, playback) {
    this.#id = id;
    this.#mixer = mixer;
    this.#playback = playback;
    const stored = loadSettings(id);
    if (stored !== null) this.#restore(parseSettings(stored, mixer.stems, playback.duration_s));
    playback.addEventListener("change", () => this.changed());
    addEventListener("pagehide", this.#store);
  }

  /** The settings as they are now. */
  get current() {
    const { stems } = this.#mixer;
    const channels = Object.fromEntries(stems.map((stem) => [stem, this.#mixer.channel(stem)]));
    return parseSettings(this.#playback, stems, this.#playback.duration_s, channels);
  }

  /** Store the settings soon. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#store, SAVE_DELAY_MS);
  }

  close() {
    clearTimeout(this.#timer);
    removeEventListener("pagehide", this.#store);
    this.#store();
  }

  #restore({ stems, loop, position_s, ...settings }) {
    for (const stem of this.#mixer.stems) Object.assign(this.#mixer.channel(stem), stems[stem]);
    Object.assign(this.#playback, settings);
    if (loop) this.#playback.setLoop(loop.start_s, loop.end_s);
    this.#playback.seek(position_s);
  }
}

function parseChannel(channel) {
  return {
    volume: toNumber(channel?.volume, VOLUME),
    pan: toNumber(channel?.pan, PAN),
    muted: channel?.muted === true,
    soloed: channel?.soloed === true,
  };
}

function toNumber(value, range) {
  if (!Number.isFinite(value)) return range.initial;
  return Math.round(clamp(value, range) * DECIMALS) / DECIMALS;
}
