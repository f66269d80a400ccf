// Clicks on the beats of a song, on the audio clock.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { delay } from "./retry.js";

const BEATS_PER_BAR = 4;
const CLICK_S = 0.04;
const CLICK_HZ = 1200;
const FIRST_CLICK_HZ = 1800;
const DECAY_S = 0.006;
const AHEAD_S = 1.5; // browsers delay timers of hidden tabs by up to a second
const INTERVAL_S = 0.25;

/** Plays the clicks of one run of the playback. */
export class Metronome {
  #context;
  #beatFrames;
  #clock;
  #output;
  #clicks = new Set();
  #streamFrame = 0; // up to which the clicks are scheduled

  /**
   * @param {AudioContext} context
   * @param {number[]} beatFrames
   * @param {SongClock} clock
   * @param {number} volume From 0 to 1.
   */
  constructor(context, beatFrames, clock, volume) {
    this.#context = context;
    this.#beatFrames = beatFrames;
    this.#clock = clock;
    this.#output = new GainNode(context, { gain: volume });
    this.#output.connect(context.destination);
  }

  set volume(volume) {
    this.#output.gain.value = volume;
  }

  /** Click on the beats until the signal is aborted. `isOn` is called again and again. */
  async run(isOn, signal) {
    while (!signal.aborted) {
      const ahead = (this.#context.currentTime + AHEAD_S) * SAMPLE_RATE_HZ;
      const end = this.#clock.streamFrameAt(ahead);
      if (end !== null) {
        const times = isOn() ? this.#clock.clockFramesOf(this.#beatFrames, this.#streamFrame, end) : [];
        for (const clockFrame of times) this.#click(clockFrame, { isBeat: true });
        this.#streamFrame = Math.max(end, this.#streamFrame);
      }
      await delay(INTERVAL_S, signal).catch(() => {});
    }
  }

  /** Click for a bar before the song starts, so that its next beat is the one of the next bar. */
  playCountIn(times) {
    times.forEach((clockFrame, index) => this.#click(clockFrame, { isFirst: index === 0 }));
  }

  /** Schedule the beats after a time again, since the tempo changes then. */
  reschedule(clockFrame) {
    this.#cancel((click) => click.isBeat && click.clockFrame >= clockFrame);
    this.#streamFrame = this.#clock.streamFrameAt(clockFrame) ?? 0;
  }

  /** Cancel the clicks after a time. */
  stop(clockFrame) {
    this.#cancel((click) => click.clockFrame >= clockFrame);
  }

  close() {
    this.#output.disconnect();
  }

  #cancel(isCanceled) {
    for (const click of [...this.#clicks].filter(isCanceled)) {
      click.node.disconnect();
      this.#clicks.delete(click);
    }
  }

  #click(clockFrame, { isBeat = false, isFirst = false }) {
    const start_s = clockFrame / SAMPLE_RATE_HZ;
    if (start_s < this.#context.currentTime) return;
    const node = new AudioBufferSourceNode(this.#context, { buffer: createClick(isFirst ? FIRST_CLICK_HZ : CLICK_HZ) });
    node.connect(this.#output);
    node.start(start_s);
    const click = { node, clockFrame, isBeat };
    this.#clicks.add(click);
    node.addEventListener("ended", () => {
      node.disconnect();
      this.#clicks.delete(click);
    });
  }
}

/**
 * Return how long before a frame each click of a bar is, from the first to the last. The bar ends at the next
 * beat, or at one in its place where the song has none.
 */
export function countInFrames(frame, beatFrames) {
  const next = beatFrames.findIndex((beat) => beat >= frame);
  const middle = Math.min(Math.max(next < 0 ? Infinity : next, 1), beatFrames.length - 2);
  const interval = (beatFrames[middle + 1] - beatFrames[middle - 1]) / 2;
  const anyBeat = beatFrames.at(next);
  const beat = anyBeat + Math.ceil((frame - anyBeat) / interval) * interval; // the first from the frame on
  return Array.from({ length: BEATS_PER_BAR }, (_, index) => frame - beat + (BEATS_PER_BAR - index) * interval);
}

function createClick(frequency_hz) {
  const length = Math.round(CLICK_S * SAMPLE_RATE_HZ);
  const buffer = new AudioBuffer({ length, numberOfChannels: 1, sampleRate: SAMPLE_RATE_HZ });
  const samples = buffer.getChannelData(0);
  for (let frame = 0; frame < length; frame += 1) {
    const time_s = frame / SAMPLE_RATE_HZ;
    samples[frame] = Math.cos(2 * Math.PI * frequency_hz * time_s) * Math.exp(-time_s / DECAY_S);
  }
  return buffer;
}
