// The smallest and largest samples of a song and its stems over time, at several resolutions.

import { AppError } from "./errors.js";

const HEADER_BYTES = 24;
const VERSION = 2;
const IS_8_BIT = 1;
const LEVEL_FACTOR = 4;
const MIN_LEVEL_BINS = 256;
const FULL_SCALE = 128;

/** The extremes of one channel, in levels of longer and longer bins. */
export class Peaks {
  #levels;

  /**
   * @param {Int8Array} bins The smallest and the largest sample of each bin. 128 is full scale.
   * @param {number} bin_s Duration of a bin.
   */
  constructor(bins, bin_s) {
    this.#levels = [{ bins, bin_s }];
    while (this.#levels.at(-1).bins.length > 2 * MIN_LEVEL_BINS) {
      const finer = this.#levels.at(-1);
      this.#levels.push({ bins: mergeBins(finer.bins), bin_s: finer.bin_s * LEVEL_FACTOR });
    }
    this.largest = this.#levels.at(-1).bins.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / FULL_SCALE;
  }

  /** Return the smallest and the largest sample in each of some equal parts of a range, from -1 to 1. */
  read(start_s, end_s, count) {
    const part_s = (end_s - start_s) / count;
    const { bins, bin_s } = this.#levels.findLast((level) => level.bin_s <= part_s) ?? this.#levels[0];
    const extremes = new Float32Array(2 * count);
    for (let part = 0; part < count; part += 1) {
      const first = Math.floor((start_s + part * part_s) / bin_s);
      const end = Math.max(Math.ceil((start_s + (part + 1) * part_s) / bin_s), first + 1);
      let [smallest, largest] = [bins[2 * first] ?? 0, bins[2 * first + 1] ?? 0];
      for (let index = 2 * first + 2; index < Math.min(2 * end, bins.length); index += 2) {
        if (bins[index] < smallest) smallest = bins[index];
        if (bins[index + 1] > largest) largest = bins[index + 1];
      }
      extremes[2 * part] = smallest / FULL_SCALE;
      extremes[2 * part + 1] = largest / FULL_SCALE;
    }
    return extremes;
  }
}

/**
 * Parse a .dat file of audiowaveform, version 2 with 8 bits.
 * @returns {Peaks[]} The peaks of each channel.
 */
export function parsePeaksFile(buffer) {
  const view = new DataView(buffer);
  const [version, flags, sampleRate_hz, binSamples, length, channels] =
    buffer.byteLength < HEADER_BYTES ? [] : [0, 4, 8, 12, 16, 20].map((offset) => view.getInt32(offset, true));
  if (version !== VERSION || flags !== IS_8_BIT || buffer.byteLength !== HEADER_BYTES + 2 * length * channels) {
    throw new AppError("unreadable");
  }
  const interleaved = new Int16Array(buffer.slice(HEADER_BYTES)); // both extremes of a bin as one number
  return Array.from({ length: channels }, (_, channel) => {
    const bins = Int16Array.from({ length }, (_, index) => interleaved[index * channels + channel]);
    return new Peaks(new Int8Array(bins.buffer), binSamples / sampleRate_hz);
  });
}

/** Return the peaks of an outline: two hex digits for the largest sample of each equal part. */
export function parseOutline(hex, duration_s) {
  const length = hex.length / 2;
  const bins = new Int8Array(2 * length);
  for (let index = 0; index < length; index += 1) {
    const largest = Math.round((parseInt(hex.substr(2 * index, 2), 16) * 127) / 255);
    bins.set([-largest, largest], 2 * index);
  }
  return new Peaks(bins, duration_s / Math.max(length, 1));
}

/** Return the outline of several stems together: the largest of them at each position. */
export function mergeOutlines(outlines) {
  const digits = outlines.map((hex) => hex.match(/../g) ?? []);
  return (digits[0] ?? []).map((_, index) => digits.map((each) => each[index] ?? "00").sort().at(-1)).join("");
}

function mergeBins(bins) {
  const merged = new Int8Array(2 * Math.ceil(bins.length / 2 / LEVEL_FACTOR));
  for (let index = 0; index < bins.length; index += 2) {
    const at = 2 * Math.floor(index / 2 / LEVEL_FACTOR);
    const isFirst = index % (2 * LEVEL_FACTOR) === 0;
    merged[at] = isFirst ? bins[index] : Math.min(merged[at], bins[index]);
    merged[at + 1] = isFirst ? bins[index + 1] : Math.max(merged[at + 1], bins[index + 1]);
  }
  return merged;
}
