// The samples of a track around the visible part, for waveforms that show more detail than peaks.

import { channelsOf, SAMPLE_RATE_HZ } from "./audio-source.js";

// At least this much is loaded, so that a playback doesn't need a request for every part that it shows.
const MIN_WINDOW_S = 1;

export class SampleWindow {
  #source;
  #loaded = { firstFrame: 0, frames: 0 };
  #channels = [];
  #loading = null;

  /** @param {{load: Function}} source Source of the track's samples. */
  constructor(source) {
    this.#source = source;
  }

  has(start_s, end_s) {
    return contains(this.#loaded, start_s, end_s);
  }

  /** Load a range and what is around it. Returns false if that is under way. A call for another range aborts it. */
  async load(start_s, end_s, duration_s) {
    if (this.#loading && contains(this.#loading, start_s, end_s)) return false;
    this.#loading?.controller.abort();
    const margin_s = Math.max((end_s - start_s) / 2, (MIN_WINDOW_S - (end_s - start_s)) / 2);
    const firstFrame = Math.floor(Math.max(start_s - margin_s, 0) * SAMPLE_RATE_HZ);
    const frames = Math.ceil(Math.min(end_s + 2 * margin_s, duration_s) * SAMPLE_RATE_HZ) - firstFrame;
    const loading = (this.#loading = { firstFrame, frames, controller: new AbortController() });
    try {
      const decode = await this.#source.load(firstFrame, frames, loading.controller.signal);
      if (this.#loading !== loading) return false;
      this.#channels = channelsOf(decode());
      this.#loaded = loading; // also if the file is a little shorter
      return true;
    } finally {
      if (this.#loading === loading) this.#loading = null;
    }
  }

  /** Return the smallest and the largest sample in each of some equal parts of a range. */
  extremes(start_s, end_s, count) {
    const start = start_s * SAMPLE_RATE_HZ - this.#loaded.firstFrame;
    const step = ((end_s - start_s) * SAMPLE_RATE_HZ) / count;
    const extremes = new Float32Array(2 * count);
    for (let part = 0; part < count; part += 1) {
      const first = Math.floor(start + part * step);
      const end = Math.max(Math.floor(start + (part + 1) * step), first + 1);
      let [smallest, largest] = [Infinity, -Infinity];
      for (const channel of this.#channels) {
        for (let frame = first; frame < Math.min(end, channel.length); frame += 1) {
          const sample = channel[frame];
          if (sample < smallest) smallest = sample;
          if (sample > largest) largest = sample;
        }
      }
      if (smallest <= largest) extremes.set([smallest, largest], 2 * part);
    }
    return extremes;
  }

  /** Return each channel's samples in a range and next to it, with their fractions of the range. */
  samples(start_s, end_s) {
    const start = start_s * SAMPLE_RATE_HZ - this.#loaded.firstFrame;
    const span = (end_s - start_s) * SAMPLE_RATE_HZ;
    const first = Math.max(Math.floor(start), 0);
    const end = Math.ceil(start + span) + 1;
    return this.#channels.map((channel) =>
      Array.from(channel.subarray(first, end), (sample, index) => [(first + index - start) / span, sample]),
    );
  }

  clear() {
    this.#loading?.controller.abort();
    this.#loading = null;
    this.#channels = [];
    this.#loaded = { firstFrame: 0, frames: 0 };
  }
}

const contains = ({ firstFrame, frames }, start_s, end_s) =>
  frames > 0 && start_s * SAMPLE_RATE_HZ >= firstFrame && end_s * SAMPLE_RATE_HZ <= firstFrame + frames;
