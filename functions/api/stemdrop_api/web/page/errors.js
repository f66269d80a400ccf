// What can go wrong, and the sentence for each: what happened, and what to do.

import { limit, megabytes } from "./format.js";

/** Something that went wrong, by a code of the API's or one of these: offline, busy, unreadable, … */
export class Failure extends Error {
  /**
   * @param {string} code
   * @param {string} [detail] what the server said.
   * @param {number} [retryAfter_s] when it is worth trying again.
   */
  constructor(code, detail = "", retryAfter_s = null) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter_s = retryAfter_s;
  }

  /** Whether it passes by itself. */
  get passes() {
    return this.code === "offline" || this.code === "busy";
  }
}

const SENTENCES = {
  offline: () => "The connection is gone. Nothing is lost: this goes on as soon as it is back.",
  busy: () => "The server is busy. This goes on by itself in a moment.",
  unauthorized: () => "That token doesn’t let you in. Paste the one that you were given.",
  unreadable: () => "The file can’t be read any more: it was moved, renamed or changed. Choose it again.",
  upload_refused: () => "The server didn’t take the file. Choose it again.",
  interrupted: () => "The upload was interrupted. Choose the same file again to go on.",
  not_audio: () =>
    "This file can’t be read as sound. Check that it plays, or export it as mp3, wav or flac.",
  no_audio_stream: () => "There is no sound in this video, only pictures. Choose a file that has sound.",
  empty_audio: (detail) => detail || "There is no sound in this file. Choose another one.",
  too_long: ({ limits }) =>
    `This song is longer than ${limit(limits.max_duration_s)}, which is the limit. ` +
    "Choose the file again, and a part of it under “More options”.",
  too_large: ({ limits }) =>
    `This file has more than ${megabytes(limits.max_upload_bytes)}, which is the limit. ` +
    "Save it as mp3 or flac, which are smaller, and choose that.",
  no_room: () => "The stems are too large for the server. Choose mp3, or only a part of the song.",
  timed_out: () =>
    "The separation took too long and was stopped. Choose the file again, or only a part of the song.",
  not_found: ({ retention_days: days }) =>
    `This song is no longer on the server: songs are deleted after ${days} days, or by hand. ` +
    "Choose the file again if you still need its stems.",
  model_unavailable: () => "This number of stems isn’t offered here any more. Reload the page.",
  internal_error: () => "The server made a mistake. Try again; if it happens again, tell who runs it.",
  unplayable: () => "This browser can’t play this format. Save the stems to hear them.",
  too_long_to_play: () =>
    "This song is too long to be played here in this format. Save the stems, or choose wav next time.",
};

/**
 * Return the sentence for a failure.
 * @param {{code: string, detail?: string, message?: string}} failure
 * @param {object} offer what the server offers, for its limits.
 */
export function sentence(failure, offer) {
  const said = failure.detail || failure.message;
  const known = SENTENCES[failure.code];
  if (failure.code === "empty_audio") return known(failure.detail || failure.message);
  return known ? known(offer) : said || "Something went wrong. Reload the page and try again.";
}
