// How a song is played: loop, tempo, pitch, count-in, metronome and markers.

import { SAMPLE_RATE_HZ } from "./audio-source.js";

export const TEMPO_PERCENT = { min: 25, max: 200, initial: 100 };
export const PITCH_SEMITONES = { min: -12, max: 12, initial: 0 };
export const METRONOME_VOLUME = { min: 0, max: 1, initial: 0.5 };
export const MIN_LOOP_S = 0.2;
const MIN_BEATS = 3;

/** Dispatches "change", and first "setting" with the property's name as its detail. */
export class PlaybackSettings extends EventTarget {
  #values = {
    loop: null,
    tempo_percent: TEMPO_PERCENT.initial,
    pitch_semitones: PITCH_SEMITONES.initial,
    hasCountIn: false,
    hasMetronome: false,
    metronomeVolume: METRONOME_VOLUME.initial,
    markers: [],
  };

  /**
   * @param {number} duration_s Duration of the song.
   * @param {number[]} beats_s Times of its beats. With fewer than three, there is no metronome.
   */
  constructor(duration_s, beats_s) {
    super();
    this.frames = Math.round(duration_s * SAMPLE_RATE_HZ);
    this.beats_s = beats_s.length < MIN_BEATS ? [] : beats_s;
    this.beatFrames = this.beats_s.map((time_s) => time_s * SAMPLE_RATE_HZ);
  }

  get duration_s() {
    return this.frames / SAMPLE_RATE_HZ;
  }

  /** The part that is repeated, as { start_s, end_s }, or null. */
  get loop() {
    return this.#values.loop;
  }

  get tempo_percent() {
    return this.#values.tempo_percent;
  }

  set tempo_percent(value) {
    this.#set("tempo_percent", clamp(value, TEMPO_PERCENT));
  }

  /** Semitones above the original's pitch, with cents as decimals. */
  get pitch_semitones() {
    return this.#values.pitch_semitones;
  }

  set pitch_semitones(value) {
    this.#set("pitch_semitones", clamp(value, PITCH_SEMITONES));
  }

  /** Whether a bar of clicks precedes the playback. */
  get hasCountIn() {
    return this.#values.hasCountIn;
  }

  set hasCountIn(value) {
    this.#set("hasCountIn", value);
  }

  get hasMetronome() {
    return this.#values.hasMetronome;
  }

  set hasMetronome(value) {
    this.#set("hasMetronome", value);
  }

  /** Gain of the clicks, from 0 to 1. */
  get metronomeVolume() {
    return this.#values.metronomeVolume;
  }

  set metronomeVolume(value) {
    this.#set("metronomeVolume", value);
  }

  /** Marked positions, as { position_s, label }, by position. */
  get markers() {
    return this.#values.markers;
  }

  set markers(markers) {
    this.#set("markers", [...markers].sort((a, b) => a.position_s - b.position_s));
  }

  /** Loop a part of the song. Null, or a part that is too short, clears the loop. */
  setLoop(start_s, end_s) {
    const loop = { start_s, end_s: Math.min(end_s, this.duration_s) };
    const isLoop = start_s !== null && loop.end_s - start_s >= MIN_LOOP_S - 1e-5;
    this.#set("loop", isLoop ? loop : null);
  }

  #set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    this.dispatchEvent(new CustomEvent("setting", { detail: name }));
    this.dispatchEvent(new Event("change"));
  }
}

export const clamp = (value, { min, max }) => Math.min(Math.max(value, min), max);
