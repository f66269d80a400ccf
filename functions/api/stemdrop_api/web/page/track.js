// A track of the playback: where its samples come from, and how loud they are.

import { SAMPLE_RATE_HZ } from "./audio-source.js";

export const SEGMENT_FRAMES = 2 * SAMPLE_RATE_HZ;
const CACHED_SEGMENTS = 9; // loops up to 16 s

export class Track {
  pan = 0;
  #source;
  #segments = new Map();

  /**
   * @param {object} source See audio-source.js.
   * @param {number} gain From 0 to 1.
   */
  constructor(source, gain) {
    this.#source = source;
    this.gain = gain;
  }

  /** Return a part of a segment as an AudioBuffer. */
  async read({ frame, endFrame }, signal) {
    const decode = await this.load(frame, signal);
    return decode(frame % SEGMENT_FRAMES, endFrame - frame);
  }

  /** Load the segment that contains a frame. Recent ones are kept. */
  async load(frame, signal) {
    const index = Math.floor(frame / SEGMENT_FRAMES);
    const decode =
      this.#segments.get(index) ?? (await this.#source.load(index * SEGMENT_FRAMES, SEGMENT_FRAMES, signal));
    this.#segments.delete(index); // to insert it again as the most recently used
    this.#segments.set(index, decode);
    if (this.#segments.size > CACHED_SEGMENTS) this.#segments.delete(this.#segments.keys().next().value);
    return decode;
  }
}
