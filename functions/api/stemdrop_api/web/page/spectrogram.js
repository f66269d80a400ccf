// Spectrograms of short ranges, computed in a worker from the samples of a track.

import { channelsOf, SAMPLE_RATE_HZ } from "./audio-source.js";

// Four wav stems of this length have 14 MB.
export const MAX_SPECTROGRAM_S = 20;
// Half of a frame in front of the range and behind it.
const MARGIN_FRAMES = 2048;

export class Spectrograms {
  #worker = new Worker(new URL("./spectrogram-worker.js", import.meta.url), { type: "module" });
  #requests = new Map();
  #isClosed = false;

  constructor() {
    this.#worker.addEventListener("message", ({ data: { name, request, pixels, columns, rows } }) => {
      const pending = this.#requests.get(name);
      if (pending?.request !== request) return;
      pending.resolve(new ImageData(pixels, columns, rows));
    });
  }

  /**
   * Return the picture of a track's range: black, as opaque as the frequency is loud, low ones at the
   * bottom. Null if another range was asked for meanwhile.
   */
  async draw(name, source, start_s, end_s, { columns, rows }) {
    const previous = this.#requests.get(name);
    previous?.abortController.abort();
    previous?.resolve(null);
    const abortController = new AbortController();
    const request = (previous?.request ?? 0) + 1;
    const finished = new Promise((resolve) => {
      this.#requests.set(name, { request, abortController, resolve });
    });
    const start = Math.round(start_s * SAMPLE_RATE_HZ);
    const frames = Math.round((end_s - start_s) * SAMPLE_RATE_HZ);
    const first = Math.max(start - MARGIN_FRAMES, 0);
    const decode = await source.load(first, start + frames + MARGIN_FRAMES - first, abortController.signal);
    if (this.#isClosed || this.#requests.get(name).request !== request) return null;
    const [left, right] = channelsOf(decode());
    const samples = Float32Array.from(left, (sample, index) => (sample + right[index]) / 2);
    this.#worker.postMessage({ name, request, samples, start: start - first, frames, columns, rows }, [samples.buffer]);
    const imageData = await finished;
    return imageData && createImageBitmap(imageData);
  }

  close() {
    this.#isClosed = true;
    this.#worker.terminate();
    for (const { abortController, resolve } of this.#requests.values()) {
      abortController.abort();
      resolve(null);
    }
  }
}
