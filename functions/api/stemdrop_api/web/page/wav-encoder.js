// Encodes WAV files with 24 bits per sample, piece by piece.

import { SAMPLE_RATE_HZ } from "./audio-source.js";

const CHANNELS = 2;
const SAMPLE_BYTES = 3;
const HEADER_BYTES = 44;
const FULL_SCALE = 2 ** 23;

export class WavEncoder {
  #frames = 0;

  static create() {
    return new WavEncoder();
  }

  /** Return the bytes of a piece. */
  encode(left, right) {
    this.#frames += left.length;
    const bytes = new Uint8Array(left.length * CHANNELS * SAMPLE_BYTES);
    let offset = 0;
    for (let frame = 0; frame < left.length; frame += 1) {
      for (const samples of [left, right]) {
        const value = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(samples[frame] * FULL_SCALE)));
        bytes[offset++] = value;
        bytes[offset++] = value >> 8;
        bytes[offset++] = value >> 16;
      }
    }
    return bytes;
  }

  /** Return the bytes before and after all pieces. */
  finish() {
    return { header: wavHeader(this.#frames, CHANNELS, SAMPLE_BYTES, SAMPLE_RATE_HZ), tail: new Uint8Array(0) };
  }
}

/** Return the header of a WAV file with integers as samples. */
export function wavHeader(frames, channels, sampleBytes, sampleRate_hz) {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const frameBytes = channels * sampleBytes;
  const writeText = (offset, text) => {
    for (let at = 0; at < text.length; at += 1) view.setUint8(offset + at, text.charCodeAt(at));
  };
  writeText(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + frames * frameBytes, true);
  writeText(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // integers
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate_hz, true);
  view.setUint32(28, sampleRate_hz * frameBytes, true);
  view.setUint16(32, frameBytes, true);
  view.setUint16(34, 8 * sampleBytes, true);
  writeText(36, "data");
  view.setUint32(40, frames * frameBytes, true);
  return new Uint8Array(view.buffer);
}
