// Stretches and encodes a mix, piece by piece, in a thread of its own.

import { Mp3Encoder } from "./mp3-encoder.js";
import { Stretcher } from "./mix-stretcher.js";
import { WavEncoder } from "./wav-encoder.js";

const ENCODERS = { mp3: Mp3Encoder, wav: WavEncoder };
const ROUNDING = 1e-4; // the sum of rounded stems may exceed full scale by this much

let encoder;
let stretcher;
let scale;
let missingFrames;
let peak = 0;

const methods = {
  /** Start a mix of a number of frames, and return which frames of the song it takes. */
  async start({ format, frames, scale: factor, tempo_percent, pitch_semitones }) {
    encoder = await ENCODERS[format].create();
    const isStretched = tempo_percent !== 100 || pitch_semitones !== 0;
    stretcher = isStretched ? await Stretcher.create({ tempo_percent, pitch_semitones }) : null;
    scale = factor;
    missingFrames = frames;
    const preRollFrames = stretcher?.preRollFrames ?? 0;
    return { preRollFrames, inputFrames: stretcher?.requiredFrames(frames) ?? frames };
  },

  /** Return the bytes of a piece of the song, or none once the mix exceeds full scale. */
  encode(piece) {
    const channels = (stretcher?.stretch(...piece) ?? piece).map((samples) => samples.subarray(0, missingFrames));
    missingFrames -= channels[0].length;
    for (const samples of channels) {
      for (let frame = 0; frame < samples.length; frame += 1) {
        samples[frame] *= scale;
        peak = Math.max(peak, Math.abs(samples[frame]));
      }
    }
    return peak > 1 + ROUNDING ? new Uint8Array(0) : encoder.encode(...channels);
  },

  /** Return the bytes before and after the pieces, and the peak of the mix; full scale is 1. */
  finish: () => (peak > 1 + ROUNDING ? { peak } : { peak: Math.min(peak, 1), ...encoder.finish() }),
};

onmessage = async ({ data: [method, argument] }) => {
  try {
    postMessage({ result: await methods[method](argument) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
