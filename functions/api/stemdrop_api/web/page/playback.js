// Plays several tracks on one clock. Pieces of all of them are scheduled for the same sample of the
// audio clock, so they can't drift apart: they are in step or they are not heard.

import { Failure } from "./errors.js";
import { RATE_HZ } from "./audio-source.js";
import { pause } from "./retry.js";

const PIECE = 4 * RATE_HZ;
const AHEAD_S = 6;
const LEAD_S = 0.08;
const KEPT_PIECES = 6; // for each track: 8 MB
const FADE_S = 0.008;
const SHORTEST_LOOP_S = 0.1;

/** Tells of its changes by events: "change", and "failure" with a detail. */
export class Transport extends EventTarget {
  playing = false;
  waiting = false;
  loop = null;
  #tracks = new Map();
  #frames;
  #context = null;
  #cursor = 0;
  #anchors = [];
  #run = null;

  /** @param {number} duration_s of the song. */
  constructor(duration_s) {
    super();
    this.#frames = Math.round(duration_s * RATE_HZ);
  }

  get duration_s() {
    return this.#frames / RATE_HZ;
  }

  get position_s() {
    return this.#position() / RATE_HZ;
  }

  /** Add a track; it is heard from now on, if its level says so. */
  add(name, source, level) {
    this.#tracks.set(name, { source, level, pieces: new Map() });
    if (this.playing) this.#restart(this.#position());
  }

  /** Set how loud a track is, 0 to 1; it needs no restart. */
  setLevel(name, level) {
    const track = this.#tracks.get(name);
    if (!track) return;
    track.level = level;
    const gain = this.#run?.gains.get(track).gain;
    gain?.setTargetAtTime(level, this.#context.currentTime, FADE_S);
  }

  play() {
    if (this.playing) return;
    if (this.#cursor >= this.#frames) this.#cursor = 0;
    this.playing = true;
    this.#restart(this.#cursor);
  }

  pause() {
    if (!this.playing) return;
    this.#cursor = this.#position();
    this.#stop();
    this.playing = false;
    this.waiting = false;
    this.#tell();
  }

  seek(seconds) {
    const frame = Math.round(Math.min(Math.max(seconds, 0), this.duration_s) * RATE_HZ);
    if (this.playing) this.#restart(frame);
    else this.#cursor = frame;
    this.#tell();
  }

  /** Repeat a part; null to go on to the end. */
  setLoop(start_s, end_s) {
    const isLong = start_s !== null && end_s - start_s >= SHORTEST_LOOP_S;
    this.loop = isLong ? { start_s, end_s: Math.min(end_s, this.duration_s) } : null;
    if (this.playing) this.#restart(this.#position());
    this.#tell();
  }

  close() {
    this.#stop();
    this.playing = false;
    this.#tracks.clear();
    this.#context?.close();
    this.#context = null;
  }

  #restart(cursor) {
    this.#stop();
    this.#cursor = cursor;
    const run = this.#begin();
    this.#pump(run).catch((failure) => {
      if (run.ending.signal.aborted) return;
      this.pause();
      if (!(failure instanceof Failure)) throw failure;
      this.dispatchEvent(new CustomEvent("failure", { detail: failure }));
    });
    this.#tell();
  }

  /** Every run has nodes of its own, so that the one before can fade. */
  #begin() {
    this.#context ??= new AudioContext({ sampleRate: RATE_HZ, latencyHint: "playback" });
    this.#context.resume();
    const run = { ending: new AbortController(), nodes: new Set(), gains: new Map() };
    run.out = new GainNode(this.#context);
    run.out.connect(this.#context.destination);
    for (const track of this.#tracks.values()) {
      const gain = new GainNode(this.#context, { gain: track.level });
      gain.connect(run.out);
      run.gains.set(track, gain);
    }
    this.#run = run;
    return run;
  }

  /** End what is heard, without a click. */
  #stop() {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#anchors = [];
    run.ending.abort();
    const now = this.#context.currentTime;
    run.out.gain.setTargetAtTime(0, now, FADE_S);
    for (const node of run.nodes) node.stop(now + 5 * FADE_S);
    setTimeout(() => {
      run.out.disconnect();
      run.nodes.forEach(release);
      if (this.#run === null) this.#context?.suspend();
    }, 1000 * 10 * FADE_S);
  }

  async #pump(run) {
    const { signal } = run.ending;
    let cursor = this.#cursor;
    let clock = 0; // the frame of the audio clock at which the next piece begins
    while (cursor < this.#frames) {
      const end = this.#endOfPiece(cursor);
      const pieces = await this.#load(cursor, signal);
      signal.throwIfAborted();
      const soonest = Math.ceil((this.#context.currentTime + LEAD_S) * RATE_HZ);
      clock = Math.max(clock, soonest); // what comes too late has all tracks wait
      this.#schedule(run, pieces, cursor, end, clock);
      clock += end - cursor;
      cursor = this.#next(end);
      const ahead_s = clock / RATE_HZ - this.#context.currentTime;
      if (ahead_s > AHEAD_S) await pause(ahead_s - AHEAD_S, signal);
    }
    await pause(Math.max(clock / RATE_HZ - this.#context.currentTime, 0), signal);
    this.#stop();
    this.playing = false;
    this.#cursor = this.#frames;
    this.#tell();
    this.dispatchEvent(new Event("ended"));
  }

  #endOfPiece(cursor) {
    const border = (Math.floor(cursor / PIECE) + 1) * PIECE;
    return Math.min(border, this.#loopEnd(cursor), this.#frames);
  }

  #next(end) {
    return this.loop && end === this.#loopEnd(end - 1) ? Math.round(this.loop.start_s * RATE_HZ) : end;
  }

  #loopEnd(cursor) {
    const end = this.loop ? Math.round(this.loop.end_s * RATE_HZ) : Infinity;
    return cursor < end ? end : Infinity; // from beyond the loop it goes on to the end
  }

  /** Return the pieces of all tracks that a place is in, each of them decoded once. */
  async #load(cursor, signal) {
    const index = Math.floor(cursor / PIECE);
    const tracks = [...this.#tracks.values()];
    const loading = tracks.map((track) => this.#piece(track, index, signal));
    const isThere = await Promise.race([Promise.all(loading).then(() => true), soon()]);
    if (!isThere) this.#setWaiting(true);
    const buffers = await Promise.all(loading);
    this.#setWaiting(false);
    return tracks.map((track, at) => ({ track, buffer: buffers[at] }));
  }

  async #piece(track, index, signal) {
    const known = track.pieces.get(index);
    if (known) {
      track.pieces.delete(index); // the latest are the last
      track.pieces.set(index, known);
      return known;
    }
    const buffer = await track.source.read(index * PIECE, PIECE, signal);
    track.pieces.set(index, buffer);
    if (track.pieces.size > KEPT_PIECES) track.pieces.delete(track.pieces.keys().next().value);
    return buffer;
  }

  #schedule(run, pieces, cursor, end, clock) {
    const offset_s = (cursor % PIECE) / RATE_HZ;
    const when_s = clock / RATE_HZ;
    for (const { track, buffer } of pieces) {
      const node = new AudioBufferSourceNode(this.#context, { buffer });
      node.connect(run.gains.get(track));
      node.start(when_s, offset_s, (end - cursor) / RATE_HZ);
      run.nodes.add(node);
      node.addEventListener("ended", () => {
        release(node);
        run.nodes.delete(node);
      });
    }
    const now = this.#context.currentTime;
    this.#anchors = this.#anchors.filter(({ until }, at, { length }) => until > now || at === length - 1);
    this.#anchors.push({ clock, cursor, end, until: when_s + (end - cursor) / RATE_HZ });
  }

  /** Return the frame of the song that is heard now. */
  #position() {
    if (!this.playing || !this.#anchors.length) return this.#cursor;
    const now = Math.round(this.#context.currentTime * RATE_HZ);
    const begun = this.#anchors.filter(({ clock }) => clock <= now);
    const { clock, cursor, end } = begun.at(-1) ?? { clock: now, cursor: this.#cursor, end: this.#cursor };
    return Math.min(cursor + now - clock, end);
  }

  #setWaiting(waiting) {
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** A node that isn't needed any more would keep its samples for long. */
function release(node) {
  node.disconnect();
  node.buffer = null;
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 150, false));
