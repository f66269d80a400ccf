// One run of the playback: the tracks from a frame of the song on, until it is stopped.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { countInFrames, Metronome } from "./metronome.js";
import { delay, retry } from "./retry.js";
import { SongClock } from "./song-clock.js";
import { partsToPlay } from "./parts-to-play.js";
import { MAX_PART_FRAMES } from "./stretch-node.js";
import { SEGMENT_FRAMES } from "./track.js";

// How far ahead samples are scheduled, and in which parts. A StretchNode copies them.
const PLAIN = { ahead_s: 6, maxFrames: SEGMENT_FRAMES };
const STRETCHED = { ahead_s: 2, maxFrames: MAX_PART_FRAMES };
const POLL_S = 0.5; // the tempo may change meanwhile
const MIN_WAIT_S = 0.01;
const START_DELAY_S = 0.08;
// What a stretched run plays silently at first, since each block depends on those before.
const LEAD_S = 0.12;
const STRETCH_DELAY_S = 0.1; // of the library, at the original pitch
const PRE_ROLL_FRAMES = Math.round(2 * LEAD_S * SAMPLE_RATE_HZ);
export const FADE_S = 0.008;

export class PlaybackRun {
  clock = new SongClock();
  #context;
  #settings;
  #abortController = new AbortController();
  #sourceNodes = new Set();
  #trackNodes = new Map();
  #output;
  #isReleased = false;
  #streamOffset = 0; // of this run in the stream of the node

  /**
   * Create the audio nodes. They are not reused, so that the previous run can fade out.
   * @param {AudioContext} context
   * @param {Track[]} tracks
   * @param {object} settings frames, loop, beatFrames, hasMetronome, metronomeVolume, tempo_percent and
   *   pitch_semitones, which are read again when they change.
   * @param {StretchNode|null} stretchNode Null plays the samples as they are.
   */
  constructor(context, tracks, settings, stretchNode) {
    this.#context = context;
    this.#settings = settings;
    this.stretchNode = stretchNode;
    this.loop = settings.loop;
    this.trackCount = tracks.length;
    this.metronome = new Metronome(context, settings.beatFrames, this.clock, settings.metronomeVolume);
    this.#output = new GainNode(context);
    this.#output.connect(context.destination);
    for (const track of tracks) {
      const gainNode = new GainNode(context, { gain: track.gain });
      const panNode = new StereoPannerNode(context, { pan: track.pan });
      gainNode.connect(panNode).connect(this.#output);
      this.#trackNodes.set(track, { gainNode, panNode });
    }
  }

  get signal() {
    return this.#abortController.signal;
  }

  get isStretched() {
    return this.stretchNode !== null;
  }

  /** Return the earliest frame of the audio clock at which something new can be heard. */
  get earliestClockFrame() {
    const ratio = 2 ** (this.#settings.pitch_semitones / 12);
    const stretch_s = this.isStretched ? LEAD_S + STRETCH_DELAY_S / ratio : 0;
    return Math.ceil((this.#context.currentTime + START_DELAY_S + stretch_s) * SAMPLE_RATE_HZ);
  }

  setGain(track, gain) {
    this.#trackNodes.get(track)?.gainNode.gain.setTargetAtTime(gain, this.#context.currentTime, FADE_S);
  }

  setPan(track, pan) {
    this.#trackNodes.get(track)?.panNode.pan.setTargetAtTime(pan, this.#context.currentTime, FADE_S);
  }

  /**
   * Play to the end of the song.
   * @param {number} frame Frame of the song.
   * @param {{clockFrame?: number, hasCountIn?: boolean, onBuffering: (promise: Promise) => Promise,
   *   onTransientError: (error: AppError|null) => void}} options
   *   With `clockFrame`, the run starts then, and fades in over another run that ends. `onBuffering`
   *   gets the samples that are being loaded. See `retry` for `onTransientError`.
   */
  async play(frame, { clockFrame = 0, hasCountIn = false, onBuffering, onTransientError }) {
    const { signal, clock } = this;
    this.stretchNode?.connect(this.#gainNodes);
    if (clockFrame > 0) this.#fadeIn(clockFrame);
    this.metronome.run(() => this.#settings.hasMetronome, signal);
    const load = (part) => onBuffering(retry(() => this.#load(part, signal), onTransientError, signal));
    if (this.isStretched) await this.#preRoll(frame, load);
    const { frames } = this.#settings;
    const { ahead_s, maxFrames } = this.isStretched ? STRETCHED : PLAIN;
    for (const part of partsToPlay(frame, { frames, loop: this.loop, maxFrames })) {
      const buffers = await load(part);
      signal.throwIfAborted();
      this.#startOrDelay(frame, clockFrame, hasCountIn);
      this.#schedule(buffers, part);
      clock.addPart(part.frame, part.endFrame);
      await this.#waitUntil(ahead_s);
      clock.forget(this.#context.currentTime * SAMPLE_RATE_HZ);
    }
    await this.#waitUntil(0);
  }

  /** Take over the tempo and the pitch, without an interruption, and return when. */
  stretch() {
    const { clock } = this;
    const clockFrame = this.earliestClockFrame;
    if (!this.isStretched) return clockFrame;
    const streamFrame = clock.streamFrameAt(clockFrame);
    clock.anchor(clockFrame, streamFrame, this.#rate);
    this.#changeStretch(clockFrame, streamFrame);
    this.metronome.reschedule(clockFrame);
    return clockFrame;
  }

  /**
   * Fade out at a frame of the audio clock, release the nodes, and resolve.
   * @param {boolean} isReplaced Whether the next run takes over the node that stretches.
   */
  stop(clockFrame, isReplaced = false) {
    const start_s = clockFrame / SAMPLE_RATE_HZ;
    const end_s = start_s + 5 * FADE_S;
    this.#abortController.abort();
    this.#output.gain.setTargetAtTime(0, start_s, FADE_S);
    for (const node of this.#sourceNodes) node.stop(end_s);
    if (!isReplaced) this.stretchNode?.stop(Math.ceil((end_s + LEAD_S) * SAMPLE_RATE_HZ));
    this.metronome.stop(clockFrame);
    return this.#release(end_s + 5 * FADE_S);
  }

  async #release(time_s) {
    await waitUntil(this.#context, time_s);
    this.#output.disconnect();
    this.metronome.close();
    if (this.isStretched && !this.#isReleased) this.stretchNode.disconnect(this.#gainNodes);
    this.#isReleased = true;
    this.#sourceNodes.forEach(release);
  }

  get #gainNodes() {
    return [...this.#trackNodes.values()].map(({ gainNode }) => gainNode);
  }

  get #rate() {
    return this.isStretched ? this.#settings.tempo_percent / 100 : 1;
  }

  #fadeIn(clockFrame) {
    const { gain } = this.#output;
    const start_s = clockFrame / SAMPLE_RATE_HZ;
    gain.setValueAtTime(0, 0);
    gain.setTargetAtTime(1, start_s, FADE_S); // together with the other's fade, a constant
    gain.setValueAtTime(1, start_s + 20 * FADE_S);
  }

  #load(part, signal) {
    const tracks = [...this.#trackNodes.keys()];
    return Promise.all(tracks.map((track) => track.read(part, signal)));
  }

  /** Append the samples before the first frame to the stream, or silence before the song. */
  async #preRoll(frame, load) {
    const startFrame = Math.max(0, frame - PRE_ROLL_FRAMES);
    const loaded = [];
    for (const part of partsToPlay(startFrame, { frames: frame, loop: null })) loaded.push([await load(part), part]);
    this.signal.throwIfAborted();
    this.#streamOffset = this.stretchNode.endFrame + PRE_ROLL_FRAMES;
    this.stretchNode.appendSilence(PRE_ROLL_FRAMES - (frame - startFrame));
    for (const [buffers, part] of loaded) this.#schedule(buffers, part);
  }

  /** Set when the stream is played, at first, and when samples are late, which delays all tracks. */
  #startOrDelay(frame, clockFrame, hasCountIn) {
    const { clock } = this;
    const earliest = this.earliestClockFrame;
    const isFirst = !clock.isAnchored;
    const due = isFirst ? clockFrame : clock.clockFrameAt(clock.streamEnd);
    const isInTime = due > 0 && due >= earliest - START_DELAY_S * SAMPLE_RATE_HZ;
    if (!isFirst && isInTime) return;
    let start = isInTime ? due : earliest;
    if (isFirst && hasCountIn) {
      const before = countInFrames(frame, this.#settings.beatFrames).map((frames) => frames / this.#rate);
      start += Math.ceil(before[0]);
      this.metronome.playCountIn(before.map((frames) => Math.round(start - frames)));
    }
    clock.anchor(start, clock.streamEnd, this.#rate);
    if (!this.isStretched) return;
    const lead = LEAD_S * SAMPLE_RATE_HZ;
    this.#changeStretch(Math.round(start - lead), clock.streamEnd - Math.round(lead) * this.#rate);
    if (isFirst && clockFrame > 0) return; // it fades in already
    const { gain } = this.#output;
    gain.setTargetAtTime(0, 0, FADE_S / 4);
    gain.setTargetAtTime(1, start / SAMPLE_RATE_HZ - FADE_S, FADE_S / 4);
  }

  #changeStretch(clockFrame, streamFrame) {
    const { pitch_semitones } = this.#settings;
    const change = { clockFrame, streamFrame: this.#streamOffset + streamFrame, rate: this.#rate, pitch_semitones };
    this.stretchNode.change(change);
  }

  #schedule(buffers, { frame, endFrame }) {
    if (this.isStretched) {
      this.stretchNode.append(buffers, endFrame - frame);
      return;
    }
    const start_s = this.clock.clockFrameAt(this.clock.streamEnd) / SAMPLE_RATE_HZ;
    this.#gainNodes.forEach((gainNode, index) => {
      const node = new AudioBufferSourceNode(this.#context, { buffer: buffers[index] });
      node.connect(gainNode);
      node.start(start_s);
      this.#sourceNodes.add(node);
      node.addEventListener("ended", () => {
        release(node);
        this.#sourceNodes.delete(node);
      });
    });
  }

  /** Wait until at most so many seconds of the stream remain. */
  async #waitUntil(remaining_s) {
    while (this.clock.isAnchored) {
      const end_s = this.clock.clockFrameAt(this.clock.streamEnd) / SAMPLE_RATE_HZ;
      const wait_s = end_s - this.#context.currentTime - remaining_s;
      if (wait_s <= 0) return;
      await delay(Math.min(wait_s, POLL_S), this.signal);
    }
  }
}

/** Wait until a time of the audio clock, or until the clock stops. */
export async function waitUntil(context, time_s) {
  while (context.state === "running" && context.currentTime < time_s) {
    await delay(Math.max(time_s - context.currentTime, MIN_WAIT_S));
  }
}

/** Release a node's samples, which the browser would otherwise keep for a while. */
function release(node) {
  node.disconnect();
  node.buffer = null;
}
