// Changes the sample rate of a signal by any factor, piece by piece, by a windowed sinc.

const ZERO_CROSSINGS = 24; // on each side of the kernel
const STEPS = 512; // of the kernel between two zero crossings

export class Resampler {
  #factor;
  #kernel = createKernel();
  #cutoff;
  #reach;
  #samples;
  #firstFrame = 0; // of #samples
  #outputFrames = 0;

  /** @param {number} factor Frames of the input per frame of the output. */
  constructor(factor) {
    this.#factor = factor;
    this.#cutoff = Math.min(1, 1 / factor); // of the input's highest frequency
    this.#reach = Math.ceil(ZERO_CROSSINGS / this.#cutoff);
    this.#samples = new Float32Array(0);
  }

  /** Return the input's frames after a frame that its output depends on. */
  get reach() {
    return this.#reach;
  }

  /** Return the output that a piece completes. */
  resample(piece) {
    this.#samples = concatenate([this.#samples, piece]);
    const endFrame = this.#firstFrame + this.#samples.length - this.#reach;
    const total = Math.max(Math.ceil(endFrame / this.#factor), this.#outputFrames);
    const output = new Float32Array(total - this.#outputFrames);
    for (let index = 0; index < output.length; index += 1) {
      output[index] = this.#valueAt((this.#outputFrames + index) * this.#factor - this.#firstFrame);
    }
    this.#outputFrames = total;
    const unused = Math.floor(total * this.#factor) - this.#reach - this.#firstFrame;
    if (unused > 0) {
      this.#samples = this.#samples.slice(unused);
      this.#firstFrame += unused;
    }
    return output;
  }

  #valueAt(position) {
    const first = Math.max(Math.ceil(position - this.#reach), 0);
    const last = Math.min(Math.floor(position + this.#reach), this.#samples.length - 1);
    const scale = this.#cutoff * STEPS;
    let sum = 0;
    for (let frame = first; frame <= last; frame += 1) {
      const place = Math.abs(position - frame) * scale;
      const step = Math.floor(place);
      const below = this.#kernel[step];
      sum += this.#samples[frame] * (below + (place - step) * (this.#kernel[step + 1] - below));
    }
    return this.#cutoff * sum;
  }
}

/** Return one half of a sinc with a Hann window, and zeros after it. */
function createKernel() {
  const kernel = new Float32Array(STEPS * (ZERO_CROSSINGS + 1) + 2);
  kernel[0] = 1;
  for (let step = 1; step < STEPS * ZERO_CROSSINGS; step += 1) {
    const crossings = step / STEPS;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * crossings) / ZERO_CROSSINGS);
    kernel[step] = (window * Math.sin(Math.PI * crossings)) / (Math.PI * crossings);
  }
  return kernel;
}

/** Return arrays as one. */
export function concatenate(parts) {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
