// Synchronized playback of several tracks. Segments of all tracks are scheduled for the same frame of
// the audio clock, so the tracks can't drift apart.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { AppError } from "./errors.js";
import { FADE_S, PlaybackRun, waitUntil } from "./playback-run.js";
import { clamp, PlaybackSettings } from "./playback-settings.js";
import { StretchNode } from "./stretch-node.js";
import { Track } from "./track.js";

// What a run has to take over while it plays.
const UPDATING_SETTINGS = new Set(["loop", "tempo_percent", "pitch_semitones"]);
const BUFFERING_DELAY_MS = 150;
/** Dispatches "change", "setting", "ended", and "error" with the error as its detail, or null once it is over. */
export class Playback extends PlaybackSettings {
  isPlaying = false;
  isBuffering = false;
  #tracks = new Map();
  #context = null;
  #startFrame = 0;
  #run = null;
  #previousRun = null; // heard until the run starts
  #isCountingIn = false;
  #stretchNode = null;
  #latestStart = null;
  #error = null;
  #isUpToDate = true;
  #isUpdating = false;

  /** See PlaybackSettings. */
  constructor(duration_s, beats_s = []) {
    super(duration_s, beats_s);
    this.addEventListener("setting", ({ detail }) => this.#apply(detail));
  }

  get position_s() {
    return this.#currentFrame() / SAMPLE_RATE_HZ;
  }

  /** Add a track with a gain from 0 to 1. */
  addTrack(name, source, gain) {
    this.#tracks.set(name, new Track(source, gain));
    this.#update();
  }

  /** Set the gain of a track, without a restart. */
  setGain(name, gain) {
    const track = this.#tracks.get(name);
    if (!track) return;
    track.gain = gain;
    this.#run?.setGain(track, gain);
  }

  /** Set the pan of a track from -1, left, to 1, right. At 0, the samples stay the same. */
  setPan(name, pan) {
    const track = this.#tracks.get(name);
    if (!track) return;
    track.pan = pan;
    this.#run?.setPan(track, pan);
  }

  play() {
    if (this.isPlaying) return;
    if (this.#startFrame >= this.frames) this.#startFrame = 0;
    this.isPlaying = true;
    this.#restart(this.#startFrame, this.hasCountIn && this.beats_s.length > 0);
  }

  pause() {
    if (!this.isPlaying) return;
    this.#startFrame = this.#currentFrame();
    this.isPlaying = false;
    this.#stop();
    this.isBuffering = false;
    this.#setError(null);
    this.#dispatchChange();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  seek(position_s) {
    const frame = Math.round(clamp(position_s, { min: 0, max: this.duration_s }) * SAMPLE_RATE_HZ);
    if (this.isPlaying) this.#restart(frame);
    else this.#startFrame = frame;
    this.#dispatchChange();
  }

  close() {
    this.isPlaying = false;
    this.#stop();
    this.#tracks.clear();
    this.#context?.close();
    this.#context = null;
  }

  #apply(setting) {
    if (setting === "hasMetronome") this.#run?.metronome.reschedule(this.#clockFrame());
    else if (setting === "metronomeVolume" && this.#run) this.#run.metronome.volume = this.metronomeVolume;
    else if (UPDATING_SETTINGS.has(setting)) this.#update();
  }

  /** Continue with changed tracks or settings, without a gap. */
  async #update() {
    this.#isUpToDate = false;
    if (this.#isUpdating) return;
    this.#isUpdating = true;
    try {
      while (this.isPlaying && !this.#isUpToDate) {
        this.#isUpToDate = true;
        await this.#continue().catch((error) => this.#fail(error));
      }
    } finally {
      this.#isUpdating = false;
    }
  }

  async #continue() {
    const run = this.#run;
    const stretchNode = await this.#loadStretchNode();
    // What can't be loaded is reported by the next run, which retries.
    await Promise.allSettled([...this.#tracks.values()].map((track) => track.load(this.#currentFrame())));
    if (run !== this.#run || !this.isPlaying) return; // the next run has the new settings
    const isHeard = run !== null && run.clock.frameAt(this.#clockFrame()) !== null;
    if (!isHeard) this.#restart(this.#startFrame, this.#isCountingIn);
    else await this.#waitFor(this.#isSameStream(run, stretchNode) ? run.stretch() : this.#replace(run, stretchNode));
  }

  #isSameStream(run, stretchNode) {
    const { stretchNode: current, loop, trackCount } = run;
    return stretchNode === current && loop === this.loop && trackCount === this.#tracks.size;
  }

  /** Start a run that takes over from another, and return when. */
  #replace(run, stretchNode) {
    const next = this.#createRun(stretchNode);
    const clockFrame = next.earliestClockFrame;
    const frame = Math.round(run.clock.frameAt(clockFrame));
    if (frame >= this.frames) return clockFrame; // the song ends before
    this.#stopRun(run, clockFrame, stretchNode === run.stretchNode);
    this.#previousRun = run;
    this.#start(next, frame, { clockFrame });
    return clockFrame;
  }

  /** Start from a frame of the song, after what is heard now has faded out. */
  async #restart(frame, hasCountIn = false) {
    this.#stop();
    this.#startFrame = frame;
    this.#isCountingIn = hasCountIn;
    const start = (this.#latestStart = {});
    this.#context ??= new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: "playback" });
    this.#context.resume();
    this.#dispatchChange();
    try {
      const stretchNode = await this.#showBuffering(this.#loadStretchNode());
      if (start === this.#latestStart) this.#start(this.#createRun(stretchNode), frame, { hasCountIn });
    } catch (error) {
      if (start === this.#latestStart) this.#fail(error);
    }
  }

  #createRun(stretchNode) {
    return new PlaybackRun(this.#context, [...this.#tracks.values()], this, stretchNode);
  }

  async #start(run, frame, options) {
    this.#run = run;
    const onBuffering = (loading) => this.#showBuffering(loading);
    const onTransientError = (error) => run === this.#run && this.#setError(error);
    try {
      await run.play(frame, { ...options, onBuffering, onTransientError });
      if (run !== this.#run) return;
      this.isPlaying = false;
      this.#stop();
      this.#startFrame = this.frames;
      this.#dispatchChange();
      this.dispatchEvent(new Event("ended"));
    } catch (error) {
      if (!run.signal.aborted) this.#fail(error);
    }
  }

  #fail(error) {
    this.pause();
    if (!(error instanceof AppError)) throw error;
    this.#setError(error);
  }

  #setError(error) {
    if (this.#error === error) return;
    this.#error = error;
    this.dispatchEvent(new CustomEvent("error", { detail: error }));
  }

  #stop() {
    this.#latestStart = null;
    for (const run of [this.#previousRun, this.#run]) if (run) this.#stopRun(run, this.#clockFrame());
    this.#run = this.#previousRun = null;
  }

  async #stopRun(run, clockFrame, isReplaced = false) {
    await run.stop(clockFrame, isReplaced);
    if (run.stretchNode !== this.#stretchNode) run.stretchNode?.close();
    if (!this.isPlaying) this.#context?.suspend();
  }

  /** Return the node for the current tempo and pitch, null for the original ones. */
  async #loadStretchNode() {
    const { size } = this.#tracks;
    if (this.tempo_percent === 100 && this.pitch_semitones === 0) return null;
    if (this.#stretchNode?.trackCount !== size) this.#stretchNode = await StretchNode.create(this.#context, size);
    return this.#stretchNode;
  }

  #waitFor(clockFrame) {
    return waitUntil(this.#context, clockFrame / SAMPLE_RATE_HZ + 5 * FADE_S);
  }

  #clockFrame() {
    return Math.round((this.#context?.currentTime ?? 0) * SAMPLE_RATE_HZ);
  }

  /** Return the frame of the song that is heard now. */
  #currentFrame() {
    if (!this.isPlaying) return this.#startFrame;
    const now = this.#clockFrame();
    const frame = this.#run?.clock.frameAt(now) ?? this.#previousRun?.clock.frameAt(now) ?? this.#startFrame;
    return Math.round(frame);
  }

  /** Show that the playback waits for a promise, if that takes long, and return its result. */
  async #showBuffering(loading) {
    const isLoaded = await Promise.race([loading.then(() => true), bufferingDelay()]);
    if (!isLoaded && this.isPlaying) this.#setBuffering(true);
    const result = await loading;
    this.#setBuffering(false);
    return result;
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

const bufferingDelay = () => new Promise((resolve) => setTimeout(resolve, BUFFERING_DELAY_MS, false));
