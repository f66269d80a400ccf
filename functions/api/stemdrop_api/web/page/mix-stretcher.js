// Changes the pitch and the tempo of a mix, piece by piece, faster than it plays.
//
// The library changes the tempo only, and a resampler both: see stretch-processor.js.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { reachOf, resample } from "./resampler.js";

const CHANNELS = 2;
const BUFFER_FRAMES = 4096;
const PRE_ROLL_FRAMES = 16384; // longer than a block, so that the first block has a predecessor

export class Stretcher {
  /** Frames of the song before the first that is returned. */
  preRollFrames = PRE_ROLL_FRAMES;
  #library;
  #buffers;
  #pitchFactor;
  #rate; // frames of the song per frame of the library's output
  #inputFrames = 0;
  #stretchedFrames = 0;
  #skippedFrames;
  #reach;
  #pending; // stretched samples that the next output depends on
  #position; // of the next output in them

  constructor(library, { tempo_percent, pitch_semitones }) {
    this.#library = library;
    this.#pitchFactor = 2 ** (pitch_semitones / 12);
    this.#rate = tempo_percent / 100 / this.#pitchFactor;
    this.#reach = reachOf(this.#pitchFactor);
    this.#position = this.#reach;
    this.#pending = [0, 1].map(() => new Float32Array(this.#reach));
    library._presetDefault(CHANNELS, SAMPLE_RATE_HZ);
    library._reset();
    this.#buffers = library._setBuffers(CHANNELS, BUFFER_FRAMES);
    const inputDelay = (PRE_ROLL_FRAMES + library._inputLatency()) / this.#rate;
    this.#skippedFrames = Math.round((inputDelay + library._outputLatency()) / this.#pitchFactor);
  }

  static async create(settings) {
    return new Stretcher(await loadLibrary(), settings);
  }

  /** Return how many frames of the song give this many frames, those before the first included. */
  requiredFrames(frames) {
    const stretched = (this.#skippedFrames + frames) * this.#pitchFactor + this.#reach;
    return Math.ceil((stretched + 1) * this.#rate) + 1;
  }

  /** Return the samples that a piece completes. */
  stretch(left, right) {
    const parts = [];
    const step = Math.floor((BUFFER_FRAMES - 1) * Math.min(1, this.#rate));
    for (let start = 0; start < left.length; start += step) {
      const channels = [left, right].map((samples) => samples.subarray(start, start + step));
      const part = this.#changePitch(this.#changeTempo(channels));
      const skipped = Math.min(this.#skippedFrames, part[0].length);
      this.#skippedFrames -= skipped;
      parts.push(part.map((samples) => samples.subarray(skipped)));
    }
    return [0, 1].map((channel) => concatenate(parts.map((part) => part[channel])));
  }

  #changeTempo(channels) {
    this.#inputFrames += channels[0].length;
    const count = Math.floor(this.#inputFrames / this.#rate) - this.#stretchedFrames;
    this.#stretchedFrames += count;
    const buffer = (index, length) =>
      new Float32Array(this.#library.HEAP8.buffer, this.#buffers + 4 * BUFFER_FRAMES * index, length);
    channels.forEach((samples, index) => buffer(index, samples.length).set(samples));
    this.#library._process(channels[0].length, count);
    return channels.map((_, index) => buffer(CHANNELS + index, count).slice());
  }

  #changePitch(channels) {
    this.#pending = this.#pending.map((samples, index) => concatenate([samples, channels[index]]));
    const known = this.#pending[0].length - this.#reach - this.#position;
    const outputs = channels.map(() => new Float32Array(Math.max(0, Math.ceil(known / this.#pitchFactor))));
    resample(this.#pending, outputs, this.#position, this.#pitchFactor);
    this.#position += outputs[0].length * this.#pitchFactor;
    const unused = Math.max(0, Math.floor(this.#position) - this.#reach);
    this.#pending = this.#pending.map((samples) => samples.slice(unused));
    this.#position -= unused;
    return outputs;
  }
}

/** Load the library. It starts only in an AudioWorklet, so define what it looks for there. */
async function loadLibrary() {
  let Processor;
  globalThis.sampleRate = SAMPLE_RATE_HZ;
  globalThis.AudioWorkletProcessor = class {
    port = { postMessage: () => this.onReady() };
  };
  globalThis.registerProcessor = (_, registered) => (Processor = registered);
  await import("./signalsmith-stretch.mjs");
  const processor = new Processor({ numberOfOutputs: 1, outputChannelCount: [CHANNELS] });
  await new Promise((resolve) => (processor.onReady = resolve));
  return processor.wasmModule;
}

function concatenate(parts) {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
