// Sound as samples, from wherever it is, piece by piece: a stem of hours takes no more memory than
// what is about to be heard.

import { Failure } from "./errors.js";

export const RATE_HZ = 44100;
const HEADER_BYTES = 65536;
// Decoding takes 4 bytes for each sample, all at once: 20 minutes take 423 MB for a moment.
const MAX_DECODED_S = 1200;
const READERS = {
  "1/16": [2, (view, at) => view.getInt16(at, true) / 2 ** 15],
  "1/24": [3, (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23],
  "3/32": [4, (view, at) => view.getFloat32(at, true)],
};

/** A stem in a wav file, of which only the part that is needed is fetched. */
export class WavSource {
  #url;
  #opening = null;

  /** @param {(anew: boolean) => Promise<string>} url gives a signed URL, another one if asked to. */
  constructor(url) {
    this.#url = url;
  }

  /** Return samples: at most so many, none beyond the end. */
  async read(first, count, signal) {
    this.#opening ??= this.#open().catch((failure) => {
      this.#opening = null;
      throw failure;
    });
    const { start, frames, size, reader } = await this.#opening;
    const last = Math.min(first + count, frames);
    if (last <= first) return split(new DataView(new ArrayBuffer(0)), size, reader);
    const bytes = await this.#fetch(start + first * 2 * size, start + last * 2 * size, signal);
    return split(new DataView(bytes), size, reader);
  }

  async #open() {
    const view = new DataView(await this.#fetch(0, HEADER_BYTES));
    const name = (at) => String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
    let format = "";
    for (let at = 12; at + 8 <= view.byteLength; ) {
      const size = view.getUint32(at + 4, true);
      if (name(at) === "fmt ") {
        const tag = view.getUint16(at + 8, true);
        // An extensible header has the real tag at the begin of its GUID.
        const kind = tag === 0xfffe ? view.getUint16(at + 32, true) : tag;
        format = `${kind}/${view.getUint16(at + 22, true)}`;
      } else if (name(at) === "data" && format in READERS) {
        const [bytes, reader] = READERS[format];
        return { start: at + 8, frames: Math.floor(size / 2 / bytes), size: bytes, reader };
      }
      at += 8 + size + (size % 2);
    }
    throw new Failure("unplayable");
  }

  async #fetch(begin, end, signal) {
    for (const anew of [false, true]) {
      const url = await this.#url(anew);
      const headers = { Range: `bytes=${begin}-${end - 1}` };
      const response = await fetch(url, { headers, signal, credentials: "omit" }).catch((error) => {
        throw error.name === "AbortError" ? error : new Failure("offline");
      });
      if (response.status === 206) return response.arrayBuffer();
      if (response.status >= 500) throw new Failure("busy");
    }
    throw new Failure("not_found"); // signed anew, and still refused
  }
}

/** Sound in any format that the browser knows, decoded once and kept as 16 bits. */
export class DecodedSource {
  #data;
  #decoding = null;

  /** @param {() => Promise<ArrayBuffer>} data gives the whole file. */
  constructor(data) {
    this.#data = data;
  }

  async read(first, count) {
    this.#decoding ??= decodeInTurn(this.#data).catch((failure) => {
      this.#decoding = null;
      throw failure;
    });
    const blob = await this.#decoding;
    const bytes = await blob.slice(first * 4, (first + count) * 4).arrayBuffer();
    return split(new DataView(bytes), ...READERS["1/16"]);
  }
}

/** Return a stem's source, by its format. */
export function sourceOf(codec, duration_s, url) {
  if (codec === "wav") return new WavSource(url);
  return new DecodedSource(async () => {
    if (duration_s > MAX_DECODED_S) throw new Failure("too_long_to_play");
    for (const anew of [false, true]) {
      const response = await fetch(await url(anew), { credentials: "omit" }).catch(() => {
        throw new Failure("offline");
      });
      if (response.ok) return response.arrayBuffer();
      if (response.status >= 500) throw new Failure("busy");
    }
    throw new Failure("not_found");
  });
}

/** Return the source of a file of this computer, from a place in it on. */
export function sourceOfFile(file, duration_s, offset_s) {
  const source = new DecodedSource(async () => {
    if (duration_s > MAX_DECODED_S) throw new Failure("too_long_to_play");
    return file.arrayBuffer().catch(() => {
      throw new Failure("unreadable");
    });
  });
  const offset = Math.round(offset_s * RATE_HZ);
  return { read: (first, count) => source.read(first + offset, count) };
}

function split(view, size, reader) {
  const frames = Math.floor(view.byteLength / 2 / size);
  const length = Math.max(frames, 1); // a buffer can't be empty
  const sound = new AudioBuffer({ length, numberOfChannels: 2, sampleRate: RATE_HZ });
  const left = sound.getChannelData(0);
  const right = sound.getChannelData(1);
  for (let frame = 0, at = 0; frame < frames; frame += 1) {
    left[frame] = reader(view, at);
    right[frame] = reader(view, at + size);
    at += 2 * size;
  }
  return sound;
}

let last = Promise.resolve();

/** Decode one file after the other: each takes much memory, but only for a moment. */
function decodeInTurn(data) {
  const mine = last.then(async () => decode(await data()));
  last = mine.catch(() => {});
  return mine;
}

async function decode(data) {
  const context = new OfflineAudioContext(2, 1, RATE_HZ);
  const sound = await context.decodeAudioData(data).catch(() => {
    throw new Failure("unplayable");
  });
  const left = sound.getChannelData(0);
  const right = sound.getChannelData(sound.numberOfChannels > 1 ? 1 : 0);
  const parts = [];
  // In parts, which the browser may put on the disk.
  for (let begin = 0; begin < sound.length; begin += RATE_HZ * 10) {
    const end = Math.min(begin + RATE_HZ * 10, sound.length);
    const part = new Int16Array(2 * (end - begin));
    for (let frame = begin, at = 0; frame < end; frame += 1) {
      part[at++] = Math.max(-32768, Math.min(32767, Math.round(left[frame] * 32768)));
      part[at++] = Math.max(-32768, Math.min(32767, Math.round(right[frame] * 32768)));
    }
    parts.push(new Blob([part]));
  }
  return new Blob(parts);
}
