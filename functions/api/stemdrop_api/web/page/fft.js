// The short-time Fourier transform, as a picture.

const SIZE = 4096;
const SAMPLE_RATE_HZ = 44100;
const LOWEST_HZ = 40;
const HIGHEST_HZ = 16000;
// Loudness that is transparent, and that is opaque.
const FLOOR_DB = -80;
const CEILING_DB = -10;

const window = Float32Array.from({ length: SIZE }, (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / SIZE));
const cosines = Float32Array.from({ length: SIZE / 2 }, (_, index) => Math.cos((2 * Math.PI * index) / SIZE));
const sines = Float32Array.from({ length: SIZE / 2 }, (_, index) => Math.sin((2 * Math.PI * index) / SIZE));
const reversed = Uint16Array.from({ length: SIZE }, (_, index) =>
  parseInt(index.toString(2).padStart(Math.log2(SIZE), "0").split("").reverse().join(""), 2),
);

/** Transform SIZE complex numbers in place, whose order is bit-reversed. */
function transform(real, imaginary) {
  for (let half = 1; half < SIZE; half *= 2) {
    const stride = SIZE / 2 / half;
    for (let start = 0; start < SIZE; start += 2 * half) {
      for (let index = 0; index < half; index += 1) {
        const even = start + index;
        const odd = even + half;
        const cosine = cosines[index * stride];
        const sine = sines[index * stride];
        const oddReal = real[odd] * cosine + imaginary[odd] * sine;
        const oddImaginary = imaginary[odd] * cosine - real[odd] * sine;
        real[odd] = real[even] - oddReal;
        imaginary[odd] = imaginary[even] - oddImaginary;
        real[even] += oddReal;
        imaginary[even] += oddImaginary;
      }
    }
  }
}

/**
 * Return the picture of a range of samples as RGBA pixels: black, as opaque as the frequency is loud.
 * @param {Float32Array} samples Samples of the range and around it.
 * @param {number} start Index of the range's first sample.
 * @param {number} frames Length of the range.
 * @param {number} columns
 * @param {number} rows Frequencies on a logarithmic scale, the highest first.
 */
export function spectrogram(samples, start, frames, columns, rows) {
  const pixels = new Uint8ClampedArray(4 * columns * rows);
  const real = new Float32Array(SIZE);
  const imaginary = new Float32Array(SIZE);
  const edges = Float32Array.from({ length: rows + 1 }, (_, row) => {
    const frequency_hz = HIGHEST_HZ * (LOWEST_HZ / HIGHEST_HZ) ** (row / rows);
    return (frequency_hz / SAMPLE_RATE_HZ) * SIZE;
  });
  for (let column = 0; column < columns; column += 1) {
    const first = start + Math.round(((column + 0.5) * frames) / columns) - SIZE / 2;
    imaginary.fill(0);
    for (let index = 0; index < SIZE; index += 1) {
      real[reversed[index]] = (samples[first + index] ?? 0) * window[index];
    }
    transform(real, imaginary);
    for (let row = 0; row < rows; row += 1) {
      let power = 0;
      const highest = Math.max(Math.round(edges[row]), Math.round(edges[row + 1]) + 1);
      for (let bin = Math.round(edges[row + 1]); bin < highest; bin += 1) {
        power = Math.max(power, real[bin] ** 2 + imaginary[bin] ** 2);
      }
      const loudness_db = 10 * Math.log10(power / (SIZE / 4) ** 2 + 1e-12); // 0 for a full-scale sine
      pixels[4 * (row * columns + column) + 3] = (255 * (loudness_db - FLOOR_DB)) / (CEILING_DB - FLOOR_DB);
    }
  }
  return pixels;
}
