// Interpolates samples by a windowed sinc function, which also removes what the new rate can't represent.

const ZERO_CROSSINGS = 12;
const STEPS = 512; // of the table, from one zero crossing to the next
const KERNEL = Float32Array.from({ length: ZERO_CROSSINGS * STEPS + 2 }, (_, index) => {
  const x = index / STEPS;
  if (x === 0) return 1;
  if (x >= ZERO_CROSSINGS) return 0;
  return (Math.sin(Math.PI * x) / (Math.PI * x)) * Math.cos((Math.PI * x) / (2 * ZERO_CROSSINGS)) ** 2;
});
const weights = new Float32Array(256);

/** Return how many samples around a position are needed, for a ratio of sampling rates. */
export const reachOf = (ratio) => Math.ceil(ZERO_CROSSINGS * Math.max(1, ratio)) + 1;

/** Fill the outputs with the inputs' samples at `position`, `position + ratio` and so on. */
export function resample(inputs, outputs, position, ratio) {
  if (ratio === 1 && Number.isInteger(position)) {
    outputs.forEach((output, index) => output.set(inputs[index].subarray(position, position + output.length)));
    return;
  }
  const scale = Math.min(1, 1 / ratio);
  const reach = ZERO_CROSSINGS / scale;
  for (let frame = 0; frame < outputs[0].length; frame += 1) {
    const center = position + frame * ratio;
    const first = Math.ceil(center - reach);
    const count = Math.floor(center + reach) - first + 1;
    for (let index = 0; index < count; index += 1) {
      const place = Math.abs(first + index - center) * scale * STEPS;
      const before = Math.floor(place);
      weights[index] = scale * (KERNEL[before] + (place - before) * (KERNEL[before + 1] - KERNEL[before]));
    }
    for (let channel = 0; channel < outputs.length; channel += 1) {
      const input = inputs[channel];
      let sum = 0;
      for (let index = 0; index < count; index += 1) sum += weights[index] * input[first + index];
      outputs[channel][frame] = sum;
    }
  }
}
