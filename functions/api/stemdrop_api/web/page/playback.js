// Synchronized playback of several tracks. Segments of all tracks are scheduled for the same frame of
// the audio clock, so the tracks can't drift apart.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { AppError } from "./errors.js";
import { delay } from "./retry.js";

const SEGMENT_FRAMES = 4 * SAMPLE_RATE_HZ;
const MAX_SCHEDULED_S = 6;
const START_DELAY_S = 0.08;
const BUFFERING_DELAY_MS = 150;
const CACHED_SEGMENTS = 6; // per track: 8 MB
const FADE_S = 0.008;
const MIN_LOOP_S = 0.1;

/** Dispatches "change", "ended", and "error" with the error as its detail. */
export class Playback extends EventTarget {
  isPlaying = false;
  isBuffering = false;
  loop = null;
  #tracks = new Map();
  #frames;
  #context = null;
  #startFrame = 0;
  #scheduled = [];
  #run = null;

  /** @param {number} duration_s Duration of the song. */
  constructor(duration_s) {
    super();
    this.#frames = Math.round(duration_s * SAMPLE_RATE_HZ);
  }

  get duration_s() { return this.#frames / SAMPLE_RATE_HZ; }
  get position_s() { return this.#currentFrame() / SAMPLE_RATE_HZ; }

  /** Add a track with a gain from 0 to 1. */
  addTrack(name, source, gain) {
    this.#tracks.set(name, { source, gain, pan: 0, segments: new Map() });
    if (this.isPlaying) this.#restart(this.#currentFrame());
  }

  /** Set the gain of a track, without a restart. */
  setGain(name, gain) {
    const track = this.#tracks.get(name);
    if (!track) return;
    track.gain = gain;
    const nodes = this.#run?.trackNodes.get(track);
    nodes?.gainNode.gain.setTargetAtTime(gain, this.#context.currentTime, FADE_S);
  }

  /** Set the pan of a track from -1, left, to 1, right. At 0, the samples stay the same. */
  setPan(name, pan) {
    const track = this.#tracks.get(name);
    if (!track) return;
    track.pan = pan;
    const nodes = this.#run?.trackNodes.get(track);
    nodes?.panNode.pan.setTargetAtTime(pan, this.#context.currentTime, FADE_S);
  }

  play() {
    if (this.isPlaying) return;
    if (this.#startFrame >= this.#frames) this.#startFrame = 0;
    this.isPlaying = true;
    this.#restart(this.#startFrame);
  }

  pause() {
    if (!this.isPlaying) return;
    this.#startFrame = this.#currentFrame();
    this.#stop();
    this.isPlaying = false;
    this.isBuffering = false;
    this.#dispatchChange();
  }

  seek(position_s) {
    const frame = Math.round(Math.min(Math.max(position_s, 0), this.duration_s) * SAMPLE_RATE_HZ);
    if (this.isPlaying) this.#restart(frame);
    else this.#startFrame = frame;
    this.#dispatchChange();
  }

  /** Loop a part of the song. Null clears the loop. */
  setLoop(start_s, end_s) {
    const isLoop = start_s !== null && end_s - start_s >= MIN_LOOP_S;
    this.loop = isLoop ? { start_s, end_s: Math.min(end_s, this.duration_s) } : null;
    if (this.isPlaying) this.#restart(this.#currentFrame());
    this.#dispatchChange();
  }

  close() {
    this.#stop();
    this.isPlaying = false;
    this.#tracks.clear();
    this.#context?.close();
    this.#context = null;
  }

  #restart(frame) {
    this.#stop();
    this.#startFrame = frame;
    const run = this.#createRun();
    this.#scheduleAll(run).catch((error) => {
      if (run.abortController.signal.aborted) return;
      this.pause();
      if (!(error instanceof AppError)) throw error;
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    });
    this.#dispatchChange();
  }

  /** Create the audio nodes of one run. They are not reused, so that the previous run can fade out. */
  #createRun() {
    this.#context ??= new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: "playback" });
    this.#context.resume();
    const run = { abortController: new AbortController(), sourceNodes: new Set(), trackNodes: new Map() };
    run.output = new GainNode(this.#context);
    run.output.connect(this.#context.destination);
    for (const track of this.#tracks.values()) {
      const gainNode = new GainNode(this.#context, { gain: track.gain });
      const panNode = new StereoPannerNode(this.#context, { pan: track.pan });
      gainNode.connect(panNode).connect(run.output);
      run.trackNodes.set(track, { gainNode, panNode });
    }
    this.#run = run;
    return run;
  }

  /** Fade out the current run and release its nodes. */
  #stop() {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#scheduled = [];
    run.abortController.abort();
    const now_s = this.#context.currentTime;
    run.output.gain.setTargetAtTime(0, now_s, FADE_S);
    for (const node of run.sourceNodes) node.stop(now_s + 5 * FADE_S);
    setTimeout(() => {
      run.output.disconnect();
      run.sourceNodes.forEach(release);
      if (this.#run === null) this.#context?.suspend();
    }, 1000 * 10 * FADE_S);
  }

  async #scheduleAll(run) {
    const { signal } = run.abortController;
    let frame = this.#startFrame;
    let clockFrame = 0; // of the audio clock, for the start of the next segment
    while (frame < this.#frames) {
      const endFrame = this.#segmentEnd(frame);
      const segments = await this.#loadSegments(frame, signal);
      signal.throwIfAborted();
      const earliest = Math.ceil((this.#context.currentTime + START_DELAY_S) * SAMPLE_RATE_HZ);
      clockFrame = Math.max(clockFrame, earliest); // a late segment delays all tracks
      this.#schedule(run, segments, frame, endFrame, clockFrame);
      clockFrame += endFrame - frame;
      frame = this.#nextFrame(endFrame);
      const scheduled_s = clockFrame / SAMPLE_RATE_HZ - this.#context.currentTime;
      if (scheduled_s > MAX_SCHEDULED_S) await delay(scheduled_s - MAX_SCHEDULED_S, signal);
    }
    await delay(Math.max(clockFrame / SAMPLE_RATE_HZ - this.#context.currentTime, 0), signal);
    this.#stop();
    this.isPlaying = false;
    this.#startFrame = this.#frames;
    this.#dispatchChange();
    this.dispatchEvent(new Event("ended"));
  }

  #segmentEnd(frame) {
    const boundary = (Math.floor(frame / SEGMENT_FRAMES) + 1) * SEGMENT_FRAMES;
    return Math.min(boundary, this.#loopEnd(frame), this.#frames);
  }

  #nextFrame(endFrame) {
    const isLoopEnd = this.loop && endFrame === this.#loopEnd(endFrame - 1);
    return isLoopEnd ? Math.round(this.loop.start_s * SAMPLE_RATE_HZ) : endFrame;
  }

  #loopEnd(frame) {
    const endFrame = this.loop ? Math.round(this.loop.end_s * SAMPLE_RATE_HZ) : Infinity;
    return frame < endFrame ? endFrame : Infinity; // playback after the loop continues to the end
  }

  /** Return every track's segment that contains a frame. */
  async #loadSegments(frame, signal) {
    const index = Math.floor(frame / SEGMENT_FRAMES);
    const tracks = [...this.#tracks.values()];
    const loading = Promise.all(tracks.map((track) => this.#loadSegment(track, index, signal)));
    const isLoaded = await Promise.race([loading.then(() => true), bufferingDelay()]);
    if (!isLoaded) this.#setBuffering(true);
    const buffers = await loading;
    this.#setBuffering(false);
    return tracks.map((track, at) => ({ track, buffer: buffers[at] }));
  }

  async #loadSegment(track, index, signal) {
    const cached = track.segments.get(index);
    if (cached) {
      track.segments.delete(index); // to insert it again as the most recently used
      track.segments.set(index, cached);
      return cached;
    }
    const buffer = await track.source.read(index * SEGMENT_FRAMES, SEGMENT_FRAMES, signal);
    track.segments.set(index, buffer);
    if (track.segments.size > CACHED_SEGMENTS) track.segments.delete(track.segments.keys().next().value);
    return buffer;
  }

  #schedule(run, segments, frame, endFrame, clockFrame) {
    const start_s = clockFrame / SAMPLE_RATE_HZ;
    const offset_s = (frame % SEGMENT_FRAMES) / SAMPLE_RATE_HZ;
    const duration_s = (endFrame - frame) / SAMPLE_RATE_HZ;
    for (const { track, buffer } of segments) {
      const node = new AudioBufferSourceNode(this.#context, { buffer });
      node.connect(run.trackNodes.get(track).gainNode);
      node.start(start_s, offset_s, duration_s);
      run.sourceNodes.add(node);
      node.addEventListener("ended", () => {
        release(node);
        run.sourceNodes.delete(node);
      });
    }
    const now_s = this.#context.currentTime;
    this.#scheduled = this.#scheduled.filter(
      ({ end_s }, index, { length }) => end_s > now_s || index === length - 1,
    );
    this.#scheduled.push({ clockFrame, frame, endFrame, end_s: start_s + duration_s });
  }

  /** Return the frame of the song that is audible now. */
  #currentFrame() {
    if (!this.isPlaying || !this.#scheduled.length) return this.#startFrame;
    const nowFrame = Math.round(this.#context.currentTime * SAMPLE_RATE_HZ);
    const current = this.#scheduled.filter(({ clockFrame }) => clockFrame <= nowFrame).at(-1);
    if (!current) return this.#startFrame;
    return Math.min(current.frame + nowFrame - current.clockFrame, current.endFrame);
  }

  #setBuffering(isBuffering) {
    if (this.isBuffering === isBuffering) return;
    this.isBuffering = isBuffering;
    this.#dispatchChange();
  }

  #dispatchChange() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Release a node's samples, which the browser would otherwise keep for a while. */
function release(node) {
  node.disconnect();
  node.buffer = null;
}

const bufferingDelay = () => new Promise((resolve) => setTimeout(resolve, BUFFERING_DELAY_MS, false));
