// The part of a song that the waveforms and the timeline show.

// 44 samples: wide enough apart to see each.
const MIN_SPAN_S = 0.001;
// Where the playback continues in the new part, once it leaves the visible one.
const FOLLOW_FRACTION = 0.1;

/** A range of seconds within a song. Dispatches "change". */
export class VisibleRange extends EventTarget {
  /** Whether the range moves with the playback. It doesn't while the user looks at another part. */
  isFollowing = true;
  duration_s;
  #minSpan_s;
  #position_s = 0;

  /** @param {number} duration_s Duration of the song, which is visible as a whole at first. */
  constructor(duration_s) {
    super();
    this.duration_s = duration_s;
    this.#minSpan_s = Math.min(MIN_SPAN_S, duration_s);
    this.start_s = 0;
    this.end_s = duration_s;
  }

  get span_s() {
    return this.end_s - this.start_s;
  }

  get isWhole() {
    return this.span_s >= this.duration_s;
  }

  /** Return where a time is in the range: 0 at its start, 1 at its end, others outside. */
  toFraction(time_s) {
    return (time_s - this.start_s) / this.span_s;
  }

  /** Return the time at a fraction of the range. */
  toSeconds(fraction) {
    return this.start_s + fraction * this.span_s;
  }

  contains(time_s) {
    return time_s >= this.start_s && time_s <= this.end_s;
  }

  /** Show a part of the song, moved and cut to fit into it. */
  show(start_s, end_s) {
    this.#set(start_s, end_s - start_s);
    this.isFollowing = this.contains(this.#position_s);
  }

  /** Divide the span by a factor. A time, by default the center, stays at its place. */
  zoom(factor, around_s = (this.start_s + this.end_s) / 2) {
    const span_s = Math.min(Math.max(this.span_s / factor, this.#minSpan_s), this.duration_s);
    const start_s = around_s - this.toFraction(around_s) * span_s;
    this.show(start_s, start_s + span_s);
  }

  /** Move by a fraction of the span. */
  pan(fraction) {
    const start_s = this.start_s + fraction * this.span_s;
    this.show(start_s, start_s + this.span_s);
  }

  showAll() {
    this.show(0, this.duration_s);
  }

  /** Move to the playback's position if it leaves the range. */
  follow(position_s) {
    this.#position_s = position_s;
    if (this.contains(position_s)) this.isFollowing = true;
    else if (this.isFollowing) this.#set(position_s - FOLLOW_FRACTION * this.span_s, this.span_s);
  }

  #set(start_s, span_s) {
    const newSpan_s = Math.min(Math.max(span_s, this.#minSpan_s), this.duration_s);
    const newStart_s = Math.min(Math.max(start_s, 0), this.duration_s - newSpan_s);
    if (newStart_s === this.start_s && newStart_s + newSpan_s === this.end_s) return;
    this.start_s = newStart_s;
    this.end_s = newStart_s + newSpan_s;
    this.dispatchEvent(new Event("change"));
  }
}
