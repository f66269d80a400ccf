// The parts of a song to play.

import { SAMPLE_RATE_HZ } from "./audio-source.js";
import { SEGMENT_FRAMES } from "./track.js";

/** Yield the parts from a frame on, each within a segment, none longer than `maxFrames`. */
export function* partsToPlay(startFrame, { frames, loop, maxFrames = SEGMENT_FRAMES }) {
  const [loopStart, loopEnd] = loop ? [loop.start_s, loop.end_s].map((time_s) => Math.round(time_s * SAMPLE_RATE_HZ)) : [];
  const isInLoop = loop && startFrame < loopEnd; // playback after the loop continues to the end
  for (let frame = startFrame; frame < frames; ) {
    const boundary = (Math.floor(frame / SEGMENT_FRAMES) + 1) * SEGMENT_FRAMES;
    const endFrame = Math.min(boundary, frames, frame + maxFrames, isInLoop ? loopEnd : Infinity);
    yield { frame, endFrame };
    frame = isInLoop && endFrame === loopEnd ? loopStart : endFrame;
  }
}
