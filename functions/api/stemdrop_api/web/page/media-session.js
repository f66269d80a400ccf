// The keys of headphones and keyboards, and the controls of the system's lock screen.
//
// Browsers give them to a page that plays a media element of some seconds, which the Web Audio API
// is not. So a silent one plays along.

import { openNeighbor } from "./neighbor-song.js";
import { wavHeader } from "./wav-encoder.js";

const STEP_S = 5;
const RESTART_S = 3; // "previous" goes to the start of a song that has played for longer
const SILENCE_S = 10;
const SAMPLE_RATE_HZ = 8000;
const ZERO = 128; // of unsigned 8-bit samples

const session = navigator.mediaSession;
const handlers = {
  play: () => current.play(),
  pause: () => current.pause(),
  seekbackward: ({ seekOffset }) => current.seek(current.position_s - (seekOffset ?? STEP_S)),
  seekforward: ({ seekOffset }) => current.seek(current.position_s + (seekOffset ?? STEP_S)),
  seekto: ({ seekTime }) => current.seek(seekTime),
  previoustrack: () => (current.position_s <= RESTART_S && openNeighbor(-1)) || current.seek(0),
  nexttrack: () => openNeighbor(1),
};
let current = null;
let silence = null;

/** Show a song on the lock screen while it plays. */
export function showInMediaSession(playback, title) {
  if (!session) return;
  playback.addEventListener("change", () => {
    if (playback.isPlaying && current !== playback) start(playback, title);
    if (playback === current) update();
  });
}

/** Remove a song from the lock screen. */
export function removeFromMediaSession(playback) {
  if (playback !== current) return;
  current = null;
  silence.pause();
  session.playbackState = "none";
  session.metadata = null;
  for (const action of Object.keys(handlers)) session.setActionHandler(action, null);
}

function start(playback, title) {
  current = playback;
  silence ??= createSilence();
  session.metadata = new MediaMetadata({ title, artist: "stemdrop" });
  for (const [action, handler] of Object.entries(handlers)) session.setActionHandler(action, handler);
}

function update() {
  const { isPlaying, position_s, duration_s, tempo_percent = 100 } = current;
  if (isPlaying) silence.play().catch(() => {}); // a browser may refuse: only the lock screen is missing
  else silence.pause();
  session.playbackState = isPlaying ? "playing" : "paused";
  session.setPositionState({
    duration: duration_s,
    position: Math.min(position_s, duration_s),
    playbackRate: tempo_percent / 100,
  });
}

/** Return a looping audio element of silence. The system pauses it for a call, for example. */
function createSilence() {
  const samples = new Uint8Array(SILENCE_S * SAMPLE_RATE_HZ).fill(ZERO);
  const parts = [wavHeader(samples.length, 1, 1, SAMPLE_RATE_HZ), samples];
  const audio = new Audio(URL.createObjectURL(new Blob(parts, { type: "audio/wav" })));
  audio.loop = true;
  audio.addEventListener("pause", () => audio.paused && current?.pause());
  return audio;
}
