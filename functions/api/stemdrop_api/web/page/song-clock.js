// Which frame of the song is heard at which frame of the audio clock.

/**
 * The parts of the song form a stream in the order in which they are played. Anchors say when the
 * stream is played, and how fast.
 */
export class SongClock {
  /** Number of frames of the stream. */
  streamEnd = 0;
  #parts = [];
  #anchors = [];

  get isAnchored() {
    return this.#anchors.length > 0;
  }

  /** Append a part of the song to the stream. */
  addPart(frame, endFrame) {
    this.#parts.push({ streamFrame: this.streamEnd, frame, endFrame });
    this.streamEnd += endFrame - frame;
  }

  /** Play the stream from a frame at a time on, at a rate. This replaces later anchors. */
  anchor(clockFrame, streamFrame, rate) {
    this.#anchors = this.#anchors.filter((anchor) => anchor.clockFrame < clockFrame);
    this.#anchors.push({ clockFrame, streamFrame, rate });
  }

  /** Return the frame of the stream at a time, or null before the first anchor. */
  streamFrameAt(clockFrame) {
    const index = this.#anchors.findLastIndex((anchor) => anchor.clockFrame <= clockFrame);
    if (index < 0) return null;
    const { clockFrame: since, streamFrame, rate } = this.#anchors[index];
    const end = this.#anchors[index + 1]?.streamFrame ?? this.streamEnd;
    return Math.min(streamFrame + (clockFrame - since) * rate, end);
  }

  /** Return the time of a frame of the stream. */
  clockFrameAt(streamFrame) {
    const anchor = this.#anchors.findLast((other) => other.streamFrame <= streamFrame) ?? this.#anchors[0];
    return anchor.clockFrame + (streamFrame - anchor.streamFrame) / anchor.rate;
  }

  /** Return the frame of the song at a time, or null before the first anchor. */
  frameAt(clockFrame) {
    const streamFrame = this.streamFrameAt(clockFrame);
    if (streamFrame === null || this.#parts.length === 0) return null;
    const part = this.#parts.findLast((other) => other.streamFrame <= streamFrame) ?? this.#parts[0];
    return Math.min(part.frame + streamFrame - part.streamFrame, part.endFrame);
  }

  /** Return the times of some frames of the song, as often as they occur in a part of the stream. */
  clockFramesOf(songFrames, streamStart, streamEnd) {
    return this.#parts.flatMap(({ streamFrame, frame, endFrame }) =>
      songFrames
        .filter((songFrame) => songFrame >= frame && songFrame < endFrame)
        .map((songFrame) => streamFrame + songFrame - frame)
        .filter((place) => place >= streamStart && place < streamEnd)
        .map((place) => this.clockFrameAt(place)),
    );
  }

  /** Forget what was played before a time. */
  forget(clockFrame) {
    const streamFrame = this.streamFrameAt(clockFrame) ?? 0;
    this.#parts = this.#parts.filter((_, index, all) => !(all[index + 1]?.streamFrame <= streamFrame));
    this.#anchors = this.#anchors.filter((_, index, all) => !(all[index + 1]?.clockFrame <= clockFrame));
  }
}
