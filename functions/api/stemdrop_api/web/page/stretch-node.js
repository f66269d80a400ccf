// Changes the pitch and the tempo of several channels together, so that they stay in sync.

import { channelsOf, SAMPLE_RATE_HZ } from "./audio-source.js";
import { AppError } from "./errors.js";

export const MAX_PART_FRAMES = SAMPLE_RATE_HZ / 2;
// In this order: the processor extends the library's when the library registers it.
const MODULES = ["./stretch-processor.js", "./signalsmith-stretch.mjs"];
const PROCESSOR_NAME = "signalsmith-stretch";

/** Plays a stream of several stereo tracks, which is appended to while it plays, from any frame at any rate. */
export class StretchNode {
  /** Number of frames of the stream. */
  endFrame = 0;
  #node;
  #trackNodes;
  #unusedArrays = [];

  constructor(node, trackCount) {
    const { context } = node;
    this.#node = node;
    node.port.onmessage = ({ data: channels }) => this.#unusedArrays.push(...channels);
    const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 * trackCount });
    node.connect(splitter);
    this.#trackNodes = Array.from({ length: trackCount }, (_, track) => {
      const merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
      for (const channel of [0, 1]) splitter.connect(merger, 2 * track + channel, channel);
      return merger;
    });
  }

  /** Load the library if it isn't loaded, and create a node. */
  static async create(context, trackCount) {
    for (const module of MODULES) {
      await context.audioWorklet.addModule(new URL(module, import.meta.url)).catch(() => {
        throw new AppError("offline");
      });
    }
    const options = { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [2 * trackCount] };
    const node = new AudioWorkletNode(context, PROCESSOR_NAME, options);
    await new Promise((resolve) => {
      node.port.onmessage = resolve;
    });
    return new StretchNode(node, trackCount);
  }

  get trackCount() {
    return this.#trackNodes.length;
  }

  /** Append at most `MAX_PART_FRAMES`: each track's AudioBuffer, and silence after its end. */
  append(buffers, frameCount) {
    this.#append(buffers.flatMap(channelsOf), frameCount);
  }

  appendSilence(frameCount) {
    if (frameCount > 0) this.#append(Array(2 * this.trackCount).fill([]), frameCount);
  }

  /**
   * Play a frame of the stream at a frame of the audio clock, and those after it at a rate. This replaces
   * the changes for later times.
   */
  change({ clockFrame, streamFrame, rate, pitch_semitones }) {
    const ratio = 2 ** (pitch_semitones / 12);
    this.#node.port.postMessage({ change: { clockFrame, streamFrame, rate, ratio } });
  }

  /** Be silent from a frame of the audio clock on. */
  stop(clockFrame) {
    this.change({ clockFrame, streamFrame: this.endFrame, rate: 0, pitch_semitones: 0 });
  }

  /** Connect each track to a node. */
  connect(destinations) {
    this.#trackNodes.forEach((node, index) => node.connect(destinations[index]));
  }

  disconnect(destinations) {
    this.#trackNodes.forEach((node, index) => node.disconnect(destinations[index]));
  }

  /** End the processor, which the browser would otherwise keep. */
  close() {
    this.#node.disconnect();
    this.#node.port.postMessage({ close: true });
  }

  #append(channels, frameCount) {
    const copies = channels.map((samples) => {
      const copy = this.#unusedArrays.pop() ?? new Float32Array(MAX_PART_FRAMES);
      copy.set(samples);
      return copy.fill(0, samples.length, frameCount);
    });
    const startFrame = this.endFrame;
    this.endFrame += frameCount;
    const append = { startFrame, endFrame: this.endFrame, channels: copies };
    this.#node.port.postMessage({ append }, copies.map(({ buffer }) => buffer));
  }
}
