// Encodes MP3 files at 320 kbit/s, piece by piece, by LAME.

import { SAMPLE_RATE_HZ } from "./audio-source.js";

const BITRATE_KBITS = 320;
const MPEG_FRAME_SAMPLES = 1152;
const DELAY_SAMPLES = 576; // of LAME; decoders add their own
const SIDE_INFO_BYTES = 32;
const INFO_FLAGS = 0xf; // number of frames, of bytes, table of contents, quality
const TOC_ENTRIES = 100;

export class Mp3Encoder {
  #lame;
  #samples = 0;
  #bytes = 0;
  #firstBytes = null;

  constructor(lame) {
    this.#lame = lame;
  }

  static async create() {
    await import("./wasm-media-encoders.mjs"); // defines a global
    const url = new URL("./mp3.wasm", import.meta.url).href;
    const lame = await globalThis.WasmMediaEncoder.createEncoder("audio/mpeg", url);
    lame.configure({ sampleRate: SAMPLE_RATE_HZ, channels: 2, bitrate: BITRATE_KBITS });
    return new Mp3Encoder(lame);
  }

  /** Return the bytes that a piece completes. */
  encode(left, right) {
    this.#samples += left.length;
    return this.#copy(this.#lame.encode([left, right]));
  }

  /** Return the bytes before and after all pieces. */
  finish() {
    const tail = this.#copy(this.#lame.finalize());
    return { header: this.#infoFrame(), tail };
  }

  #copy(bytes) {
    this.#bytes += bytes.length;
    if (bytes.length > 0) this.#firstBytes ??= bytes.slice(0, 4);
    return bytes.slice();
  }

  /** Return a frame without audio. It tells players which samples at both ends the encoder has added. */
  #infoFrame() {
    const bytesPerFrame = (MPEG_FRAME_SAMPLES / 8) * (1000 * BITRATE_KBITS) / SAMPLE_RATE_HZ;
    const frames = Math.round(this.#bytes / bytesPerFrame);
    const padding = frames * MPEG_FRAME_SAMPLES - DELAY_SAMPLES - this.#samples;
    const bytes = new Uint8Array(Math.floor(bytesPerFrame));
    const view = new DataView(bytes.buffer);
    const writeText = (offset, text) => bytes.set(new TextEncoder().encode(text), offset);
    bytes.set(this.#firstBytes);
    bytes[2] &= ~2; // this frame isn't a byte longer than others
    let offset = 4 + SIDE_INFO_BYTES;
    writeText(offset, "Info");
    view.setUint32(offset + 4, INFO_FLAGS);
    view.setUint32(offset + 8, frames);
    view.setUint32(offset + 12, this.#bytes + bytes.length);
    offset += 16;
    for (let at = 0; at < TOC_ENTRIES; at += 1) bytes[offset + at] = (256 * at) / TOC_ENTRIES;
    offset += TOC_ENTRIES + 4;
    writeText(offset, "LAME3.100");
    bytes[offset + 9] = 1; // constant bitrate
    bytes[offset + 20] = 255; // at least 255 kbit/s
    const delays = (DELAY_SAMPLES << 12) | padding;
    bytes.set([delays >> 16, delays >> 8, delays], offset + 21);
    return bytes;
  }
}
