// Worker that computes spectrograms.

import { spectrogram } from "./fft.js";

addEventListener("message", ({ data: { name, request, samples, start, frames, columns, rows } }) => {
  const pixels = spectrogram(samples, start, frames, columns, rows);
  postMessage({ name, request, pixels, columns, rows }, [pixels.buffer]);
});
