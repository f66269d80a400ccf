// Renders a mix of stems into a file, in constant memory.

import { channelsOf, SAMPLE_RATE_HZ } from "./audio-source.js";
import { AppError } from "./errors.js";
import { retry } from "./retry.js";

const PIECE_FRAMES = 4 * SAMPLE_RATE_HZ;
const MEDIA_TYPES = { mp3: "audio/mpeg", wav: "audio/wav" };

/**
 * Render a mix. A mix that exceeds full scale is rendered again, with all of it turned down alike.
 * @param {{source: object, gain: number, pan: number}[]} tracks
 * @param {{start_s: number, end_s: number, tempo_percent: number, pitch_semitones: number,
 *   format: string}} settings
 * @param {{signal: AbortSignal, onProgress: (fraction: number) => void,
 *   onTransientError: (error: AppError|null) => void}} listeners
 * @returns {Promise<{blob: Blob, gain_db: number}>} gain_db: By how much the mix was turned down.
 */
export async function renderMix(tracks, settings, listeners) {
  const first = await renderOnce(tracks, settings, 1, listeners);
  if (first.blob) return { blob: first.blob, gain_db: 0 };
  const { blob } = await renderOnce(tracks, settings, 1 / first.peak, listeners);
  return { blob, gain_db: -20 * Math.log10(first.peak) };
}

/** Return the file and the peak of the mix, or no file if the peak exceeds full scale, which is 1. */
async function renderOnce(tracks, settings, scale, { signal, onProgress, onTransientError }) {
  const { start_s, end_s, tempo_percent, pitch_semitones, format } = settings;
  const startFrame = Math.round(start_s * SAMPLE_RATE_HZ);
  const songFrames = Math.round(end_s * SAMPLE_RATE_HZ) - startFrame;
  const frames = Math.round((100 * songFrames) / tempo_percent);
  const worker = new MixWorker(signal);
  try {
    const request = { format, frames, scale, tempo_percent, pitch_semitones };
    const { preRollFrames, inputFrames } = await worker.call("start", request);
    const parts = [];
    for (let offset = 0; offset < inputFrames; offset += PIECE_FRAMES) {
      const count = Math.min(PIECE_FRAMES, inputFrames - offset);
      const firstFrame = startFrame - preRollFrames + offset;
      const mix = () => mixPiece(tracks, firstFrame, count, signal);
      const piece = await retry(mix, onTransientError, signal);
      const bytes = await worker.call("encode", piece, piece.map(({ buffer }) => buffer));
      if (bytes.length > 0) parts.push(new Blob([bytes])); // the browser may move blobs to disk
      onProgress((offset + count) / inputFrames);
    }
    const { peak, header, tail } = await worker.call("finish");
    return { peak, blob: header ? new Blob([header, ...parts, tail], { type: MEDIA_TYPES[format] }) : null };
  } finally {
    worker.close();
  }
}

/** The thread that encodes. Its calls can't overlap. */
class MixWorker {
  #worker = new Worker(new URL("./mix-worker.js", import.meta.url), { type: "module" });
  #signal;

  constructor(signal) {
    this.#signal = signal;
  }

  call(method, argument = null, transfer = []) {
    return new Promise((resolve, reject) => {
      this.#signal.throwIfAborted();
      const abort = () => reject(this.#signal.reason);
      this.#signal.addEventListener("abort", abort, { once: true });
      this.#worker.onerror = ({ message }) => reject(new AppError("mix_failed", message));
      this.#worker.onmessage = ({ data: { result, error } }) => {
        this.#signal.removeEventListener("abort", abort);
        if (error) reject(new AppError("mix_failed", error));
        else resolve(result);
      };
      this.#worker.postMessage([method, argument], transfer);
    });
  }

  close() {
    this.#worker.terminate();
  }
}

/** Return the sum of the tracks, silent before and after the song. */
async function mixPiece(tracks, firstFrame, frameCount, signal) {
  const mix = [new Float32Array(frameCount), new Float32Array(frameCount)];
  const skipped = Math.min(Math.max(-firstFrame, 0), frameCount);
  if (skipped === frameCount) return mix;
  const decoders = await Promise.all(
    tracks.map(({ source }) => source.load(firstFrame + skipped, frameCount - skipped, signal)),
  );
  tracks.forEach(({ gain, pan }, index) => {
    const [left, right] = channelsOf(decoders[index]());
    for (const [output, [fromLeft, fromRight]] of panMatrix(pan).entries()) {
      const samples = mix[output];
      for (let frame = 0; frame < left.length; frame += 1) {
        samples[skipped + frame] += gain * (fromLeft * left[frame] + fromRight * right[frame]);
      }
    }
  });
  return mix;
}

/**
 * Return what each output takes of the left and the right channel, as in a StereoPannerNode: one channel
 * stays, and the other moves over to it at equal power.
 */
export function panMatrix(pan) {
  const angle = ((1 - Math.abs(pan)) * Math.PI) / 2;
  const [moved, kept] = [Math.cos(angle), Math.sin(angle)];
  return pan <= 0 ? [[1, moved], [0, kept]] : [[kept, 0], [moved, 1]];
}
