// The audio thread's side of a StretchNode. It is loaded before signalsmith-stretch, and extends the library's
// processor when that is registered. The library's own fails at the border of two buffers, and its pitch is
// wrong by up to 20 cents. So the library changes the tempo only, which is exact, and the pitch is changed by
// resampling.

import { reachOf, resample } from "./resampler.js";

// About the library's default, 120 ms. Each interval consists of whole steps, in which the library computes
// a part of a block, because it takes its input at the start of a step.
const STEP_FRAMES = 128;
const STEPS_PER_INTERVAL = 10;
const INTERVAL_FRAMES = STEPS_PER_INTERVAL * STEP_FRAMES;
const BLOCK_FRAMES = 4 * INTERVAL_FRAMES;
const STRETCHED_FRAMES = 1024; // enough for a render quantum at twice the pitch
const registerLibraryProcessor = globalThis.registerProcessor;

globalThis.registerProcessor = (name, LibraryProcessor) => {
  class StretchProcessor extends LibraryProcessor {
    #parts = []; // of the stream: { startFrame, endFrame, channels }
    #changes = []; // of tempo, pitch and place in the stream, by time
    #isOpen = true;
    #stretched = []; // stretched samples of each channel, not yet resampled
    #stretchedFrames = 0;
    #position = 0; // of the next output in the stretched samples
    #step = 0;
    #rate = 1;
    #inputs = []; // views of the library's memory: as garbage, they take 4 MB
    #outputs = [];

    constructor(options) {
      super(options);
      const toMilliseconds = (frames) => (1000 * frames) / sampleRate;
      const [blockMs, intervalMs] = [BLOCK_FRAMES, INTERVAL_FRAMES].map(toMilliseconds);
      this.config = { blockMs, intervalMs, splitComputation: true };
      super.port.onmessage = ({ data }) => this.#receive(data);
    }

    /** The library's port, which only says when it is ready. */
    get port() {
      return { postMessage: () => super.port.postMessage("ready"), onmessage() {} };
    }

    #receive({ append, change, close }) {
      if (append) {
        this.#returnParts(this.#changes.length ? this.#streamFrame(currentFrame) - 2 * BLOCK_FRAMES : 0);
        this.#parts.push(append);
      }
      if (change) {
        this.#changes = this.#changes.filter(({ clockFrame }) => clockFrame < change.clockFrame);
        this.#changes.push(change);
      }
      if (close) this.#isOpen = false;
    }

    /** Give back played arrays: as garbage, they take up to 60 MB. */
    #returnParts(neededFrame) {
      while (this.#parts[0]?.endFrame <= neededFrame) {
        const { channels } = this.#parts.shift();
        super.port.postMessage(channels, channels.map(({ buffer }) => buffer));
      }
    }

    process(_, [output]) {
      if (!this.wasmReady || !this.#isOpen) return this.#isOpen;
      while (this.#changes[1]?.clockFrame <= currentFrame) this.#changes.shift();
      const change = this.#changes[0];
      if (!(change?.clockFrame <= currentFrame) || change.rate === 0) {
        this.#reset(output.length);
        return true;
      }
      if (this.#stretched.length === 0) this.#reset(output.length);
      const { ratio } = change;
      const reach = reachOf(ratio);
      const neededFrames = this.#position + output[0].length * ratio + reach;
      while (this.#stretchedFrames < neededFrames) this.#stretchStep(ratio);
      resample(this.#stretched, output, this.#position, ratio);
      this.#position += output[0].length * ratio;
      const played = Math.floor(this.#position) - reachOf(2);
      for (const samples of this.#stretched) samples.copyWithin(0, played, this.#stretchedFrames);
      this.#stretchedFrames -= played;
      this.#position -= played;
      return true;
    }

    #reset(channelCount) {
      if (this.#stretchedFrames === reachOf(2)) return;
      this.wasmModule._reset();
      this.#stretched = Array.from({ length: channelCount }, () => new Float32Array(STRETCHED_FRAMES));
      this.#stretchedFrames = this.#position = reachOf(2);
      this.#step = 0;
    }

    #changeAt(clockFrame) {
      return this.#changes.findLast((other) => other.clockFrame <= clockFrame) ?? this.#changes[0];
    }

    /** Return the frame of the stream for a frame of the audio clock. */
    #streamFrame(clockFrame) {
      const change = this.#changeAt(clockFrame);
      return change.streamFrame + (clockFrame - change.clockFrame) * change.rate;
    }

    #stretchStep(ratio) {
      const { wasmModule } = this;
      const [inputDelay, outputDelay] = [wasmModule._inputLatency(), wasmModule._outputLatency()];
      const aheadFrames = this.#stretchedFrames - this.#position + outputDelay;
      const clockFrame = currentFrame + aheadFrames / ratio;
      // A block is computed in the steps of an interval, which must agree on the rate.
      if (this.#step % STEPS_PER_INTERVAL === 0) this.#rate = this.#changeAt(clockFrame).rate / ratio;
      this.#step += 1;
      const endFrame = Math.round(this.#streamFrame(clockFrame)) + inputDelay;
      this.#copyInput(endFrame - this.bufferLength, this.bufferLength);
      wasmModule._seek(this.bufferLength, this.#rate);
      wasmModule._process(0, STEP_FRAMES);
      this.#stretched.forEach((samples, channel) => samples.set(this.#outputs[channel], this.#stretchedFrames));
      this.#stretchedFrames += STEP_FRAMES;
    }

    /** Copy a part of the stream to the library's buffers, with silence where there is none. */
    #copyInput(startFrame, frameCount) {
      const { buffer } = this.wasmModule.HEAP8;
      if (this.#inputs[0]?.buffer !== buffer) {
        const viewsOf = (addresses, length) => addresses.map((address) => new Float32Array(buffer, address, length));
        this.#inputs = viewsOf(this.buffersIn, frameCount);
        this.#outputs = viewsOf(this.buffersOut, STEP_FRAMES);
      }
      for (const input of this.#inputs) input.fill(0);
      for (const part of this.#parts) {
        const offset = part.startFrame - startFrame;
        const [from, to] = [Math.max(0, -offset), Math.min(part.endFrame - part.startFrame, frameCount - offset)];
        if (from >= to) continue;
        this.#inputs.forEach((input, index) => input.set(part.channels[index].subarray(from, to), from + offset));
      }
    }
  }
  registerLibraryProcessor(name, StretchProcessor);
};
