// Audio samples of stems and local files, read in parts.

import { AppError } from "./errors.js";
import { fetchFile } from "./presigned-file.js";

export const SAMPLE_RATE_HZ = 44100;
const CHANNELS = 2;
const HEADER_BYTES = 65536;
// Decoding holds the whole file as 4-byte samples: 423 MB for 20 minutes.
const MAX_DECODED_S = 1200;
const DECODED_BLOB_FRAMES = 10 * SAMPLE_RATE_HZ;
// By WAV format tag and bits per sample: the bytes per sample, and a function that reads one.
const SAMPLE_FORMATS = {
  "1/16": [2, (view, offset) => view.getInt16(offset, true) / 2 ** 15],
  "1/24": [3, (view, offset) => ((view.getInt8(offset + 2) << 16) | view.getUint16(offset, true)) / 2 ** 23],
  "3/32": [4, (view, offset) => view.getFloat32(offset, true)],
};

/** A stem in a WAV file, read by range requests, in constant memory. */
export class WavSource {
  #getUrl;
  #header = null;

  /** @param {(force: boolean) => Promise<string>} getUrl Returns a presigned URL, a new one if forced. */
  constructor(getUrl) {
    this.#getUrl = getUrl;
  }

  /** Load at most `frameCount` frames, fewer at the end, and return their decoder. */
  async load(firstFrame, frameCount, signal) {
    this.#header ??= this.#readHeader().catch((error) => {
      this.#header = null;
      throw error;
    });
    const { dataOffset, frames, sampleBytes, readSample } = await this.#header;
    const endFrame = Math.min(firstFrame + frameCount, frames);
    if (endFrame <= firstFrame) return decoderOf(new ArrayBuffer(0), sampleBytes, readSample);
    const frameBytes = CHANNELS * sampleBytes;
    const bytes = await this.#fetchRange(
      dataOffset + firstFrame * frameBytes,
      dataOffset + endFrame * frameBytes,
      signal,
    );
    return decoderOf(bytes, sampleBytes, readSample);
  }

  async #readHeader() {
    const view = new DataView(await this.#fetchRange(0, HEADER_BYTES));
    const chunkId = (offset) => String.fromCharCode(...new Uint8Array(view.buffer, offset, 4));
    let format = "";
    for (let offset = 12; offset + 8 <= view.byteLength; ) {
      const size = view.getUint32(offset + 4, true);
      if (chunkId(offset) === "fmt ") {
        const tag = view.getUint16(offset + 8, true);
        // WAVE_FORMAT_EXTENSIBLE stores the actual tag at the start of its GUID.
        const actualTag = tag === 0xfffe ? view.getUint16(offset + 32, true) : tag;
        format = `${actualTag}/${view.getUint16(offset + 22, true)}`;
      } else if (chunkId(offset) === "data" && format in SAMPLE_FORMATS) {
        const [sampleBytes, readSample] = SAMPLE_FORMATS[format];
        const frames = Math.floor(size / CHANNELS / sampleBytes);
        return { dataOffset: offset + 8, frames, sampleBytes, readSample };
      }
      offset += 8 + size + (size % 2);
    }
    throw new AppError("unplayable");
  }

  #fetchRange(start, end, signal) {
    const headers = { Range: `bytes=${start}-${end - 1}` };
    // After an aborted request, Chromium's cache completes a range with too few bytes.
    return fetchFile(this.#getUrl, { headers, signal, cache: "no-store" });
  }
}

/** Audio in any format that the browser can decode, decoded once and stored as 16-bit samples. */
export class DecodedSource {
  #loadFile;
  #samples = null;

  /**
   * @param {number} duration_s Duration of the file.
   * @param {() => Promise<ArrayBuffer>} loadFile
   */
  constructor(duration_s, loadFile) {
    this.#loadFile = async () => {
      if (duration_s > MAX_DECODED_S) throw new AppError("too_long_to_play");
      return loadFile();
    };
  }

  /** Load at most `frameCount` frames, fewer at the end, and return their decoder. */
  async load(firstFrame, frameCount) {
    this.#samples ??= decodeSequentially(this.#loadFile).catch((error) => {
      this.#samples = null;
      throw error;
    });
    const blob = await this.#samples;
    const [sampleBytes, readSample] = SAMPLE_FORMATS["1/16"];
    const frameBytes = CHANNELS * sampleBytes;
    const part = blob.slice(firstFrame * frameBytes, (firstFrame + frameCount) * frameBytes);
    return decoderOf(await part.arrayBuffer(), sampleBytes, readSample);
  }
}

/** Return the source of a stem of a job with these options. */
export function createStemSource({ codec, sample_rate, channels }, duration_s, getUrl) {
  if (codec === "wav" && sample_rate !== "source" && channels !== "source") return new WavSource(getUrl);
  return new DecodedSource(duration_s, () => fetchFile(getUrl));
}

/** Return the source of a local file, starting at an offset. */
export function createFileSource(file, duration_s, offset_s) {
  const source = new DecodedSource(duration_s, () =>
    file.arrayBuffer().catch(() => {
      throw new AppError("unreadable");
    }),
  );
  const offsetFrames = Math.round(offset_s * SAMPLE_RATE_HZ);
  return { load: (firstFrame, frameCount) => source.load(firstFrame + offsetFrames, frameCount) };
}

/** Return a source that makes one request of several for the same part at the same time. */
export function shareLoads(source) {
  let latest = {};
  const forget = () => (latest = {});
  const load = (firstFrame, frameCount, signal) => {
    const part = `${firstFrame}+${frameCount}`;
    if (latest.part !== part || latest.signal.aborted) {
      latest = { part, signal, loading: source.load(firstFrame, frameCount, signal) };
      latest.loading.then(forget, forget);
    }
    return latest.loading;
  };
  return { load };
}

/** Return the sum of several sources of the same length. */
export const sumOf = (sources) => ({
  async load(...part) {
    const decoders = await Promise.all(sources.map((source) => source.load(...part)));
    return () => {
      const [sum, ...others] = decoders.map((decode) => decode());
      channelsOf(sum).forEach((samples, channel) => {
        for (const other of others) other.getChannelData(channel).forEach((sample, frame) => (samples[frame] += sample));
      });
      return sum;
    };
  },
});

export const channelsOf = (buffer) => [buffer.getChannelData(0), buffer.getChannelData(1)];

/** Return a function that decodes all frames, or some, to an AudioBuffer. The bytes take less memory. */
function decoderOf(bytes, sampleBytes, readSample) {
  const view = new DataView(bytes);
  const endFrame = Math.floor(view.byteLength / CHANNELS / sampleBytes);
  return (firstFrame = 0, frameCount = endFrame) => {
    const frames = Math.min(frameCount, endFrame - firstFrame);
    const length = Math.max(frames, 1); // an AudioBuffer can't be empty
    const buffer = new AudioBuffer({ length, numberOfChannels: CHANNELS, sampleRate: SAMPLE_RATE_HZ });
    const [left, right] = channelsOf(buffer);
    for (let frame = 0, offset = firstFrame * CHANNELS * sampleBytes; frame < frames; frame += 1) {
      left[frame] = readSample(view, offset);
      right[frame] = readSample(view, offset + sampleBytes);
      offset += CHANNELS * sampleBytes;
    }
    return buffer;
  };
}

let previousDecoding = Promise.resolve();

/** Decode one file at a time, because decoding takes much memory. */
function decodeSequentially(loadFile) {
  const decoding = previousDecoding.then(async () => decode(await loadFile()));
  previousDecoding = decoding.catch(() => {});
  return decoding;
}

async function decode(bytes) {
  const context = new OfflineAudioContext(CHANNELS, 1, SAMPLE_RATE_HZ);
  const audioBuffer = await context.decodeAudioData(bytes).catch(() => {
    throw new AppError("unplayable");
  });
  const left = audioBuffer.getChannelData(0);
  const right = audioBuffer.getChannelData(audioBuffer.numberOfChannels > 1 ? 1 : 0);
  const toInt16 = (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
  const blobs = []; // the browser may move blobs to disk
  for (let start = 0; start < audioBuffer.length; start += DECODED_BLOB_FRAMES) {
    const end = Math.min(start + DECODED_BLOB_FRAMES, audioBuffer.length);
    const samples = new Int16Array(CHANNELS * (end - start));
    for (let frame = start, index = 0; frame < end; frame += 1) {
      samples[index++] = toInt16(left[frame]);
      samples[index++] = toInt16(right[frame]);
    }
    blobs.push(new Blob([samples]));
  }
  return new Blob(blobs);
}
