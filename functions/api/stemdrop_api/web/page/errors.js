// Error codes, and the message for each: what is wrong, then what to do.

import { formatDuration, formatSize, pluralize } from "./format.js";

/** An error with one of the API's codes, or a code of this page such as "offline". */
export class AppError extends Error {
  /** Whether what failed is being repeated. */
  isRetried = false;

  /**
   * @param {string} code
   * @param {string} [detail] The server's message.
   * @param {number} [retryAfter_s] Delay before a retry makes sense.
   */
  constructor(code, detail = "", retryAfter_s = null) {
    super(detail || code);
    this.code = code;
    this.detail = detail;
    this.retryAfter_s = retryAfter_s;
  }

  /** Whether a retry can succeed. */
  get isTransient() {
    return this.code === "offline" || this.code === "busy";
  }
}

/** Return the result of a request, or of reading its response. Both fail without a connection. */
export const orOffline = (promise) =>
  promise.catch((error) => {
    throw error instanceof TypeError ? new AppError("offline") : error;
  });

const RETRY_MESSAGES = {
  offline: "The connection is lost. Nothing else is: the page continues when it is back online.",
  busy: "The server is busy. The page retries automatically.",
};
const MESSAGES = {
  offline: () => "The connection is lost. Try again when you are online.",
  busy: () => "The server is busy. Try again in a moment.",
  unauthorized: () => "This token isn’t valid. Paste the token that you were given.",
  unreadable: () => "The file can’t be read anymore because it was moved, renamed or changed. Choose it again.",
  upload_refused: () => "The server rejected the upload. Choose the file again.",
  interrupted: () => "The upload was interrupted. Choose the same file again to continue.",
  not_audio: () =>
    "This file can’t be read as audio. Check that it plays, or export it as MP3, WAV or FLAC.",
  damaged: () =>
    "More than half of this song can’t be read. Check that it plays to its end, and choose the file again.",
  no_audio_stream: () => "This video has no audio. Choose a file that has audio.",
  too_long: ({ limits }) =>
    `This song is longer than the limit of ${formatDuration(limits.max_duration_s)}. ` +
    "Choose the file again, and select a part of it under “More options”.",
  too_large: ({ limits }) =>
    `This file is larger than the limit of ${formatSize(limits.max_upload_bytes)}. ` +
    "Save it as MP3 or FLAC, which are smaller, and choose that file.",
  no_room: () => "The stems are too large for the server. Choose MP3, or only a part of the song.",
  timed_out: () =>
    "The separation took too long and was stopped. Choose the file again, or only a part of the song.",
  not_found: ({ retention_days }) =>
    "This song is no longer on the server. Songs are deleted after " +
    `${pluralize(retention_days, "day")}, or when you delete them. ` +
    "Choose the file again if you still need its stems.",
  model_unavailable: () => "This number of stems is no longer available. Reload the page.",
  internal_error: () =>
    "Something went wrong on the server. Try again. If it keeps happening, contact whoever runs this site.",
  unplayable: () => "This browser can’t play this format. Save the stems to listen to them.",
  original_unplayable: () =>
    "This browser can’t play the original because of its format or its length. The stems still play.",
  silent_mix: () => "All stems are muted. Turn one up, and save the mix again.",
  damaged_link: () => "This link is damaged. Copy all of it again, or ask for a new one.",
  link_not_found: () => "The song of this link isn’t on the server anymore. Ask whoever sent it to separate it again.",
  mix_failed: () => "The mix was not saved because a part of this page could not start. Reload the page.",
  too_long_to_play: () =>
    "This song is too long to play here with these options. " +
    "Save the stems. Next time, choose WAV in stereo at 44,100 Hz.",
};

/**
 * Return the message for an error, and none without one.
 * @param {{code: string, detail?: string, message?: string}|null} error
 * @param {object} capabilities Response of GET /options, for its limits.
 */
export function errorMessage(error, capabilities) {
  if (!error) return "";
  const message = error.isRetried ? RETRY_MESSAGES[error.code] : MESSAGES[error.code]?.(capabilities);
  return message || error.detail || error.message || "Something went wrong. Reload the page and try again.";
}
