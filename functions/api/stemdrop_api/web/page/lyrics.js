// The lyrics of a song: what the job says about them, the lines, and what is sung at a time.

import { fetchFile } from "./presigned-file.js";

const LONG_GAP_S = 5; // after it, singers need a count-in
const LINGER_S = 1; // of a line before a long gap
const LOCALE = "en-US";

/** Return what a job says about its lyrics, for people. */
export function describeLyrics({ status, language, engine, words, reason }) {
  if (status === "pending") return "Writing the lyrics…";
  if (status === "failed") return reason || "The lyrics could not be written.";
  if (words === 0) return "No words found. The song may be an instrumental.";
  return `${languageName(language)}, written by ${engineName(engine)}. Some words may be wrong.`;
}

/** Return the name of an engine, such as "Amazon Transcribe" or "Whisper tiny.en". */
export function engineName(engine) {
  return engine === "transcribe" ? "Amazon Transcribe" : engine.replace(/^whisper/, "Whisper");
}

/**
 * Load the lines of a song, with times on the clock of its stems.
 * @returns {Promise<object[]>} Lines as in lyrics.json. Words have the `separator` before them, too.
 */
export async function loadLines(song) {
  const getUrl = song.urlOf(({ lyrics }) => lyrics.files.find(({ format }) => format === "json"));
  const lyrics = await fetchFile(getUrl, { read: (response) => response.json() });
  return toLines(lyrics, song.job.options.offset_s ?? 0);
}

/** Return the lines of lyrics.json. The stems begin at an offset of the song. */
export function toLines({ lines }, offset_s) {
  const shift = ({ text, start_s, end_s }) => ({ text, start_s: start_s - offset_s, end_s: end_s - offset_s });
  return lines.map((line) => {
    let rest = line.text;
    const words = line.words.map((word) => {
      const [separator] = rest.split(word.text, 1); // some languages have no spaces
      rest = rest.slice((separator + word.text).length);
      return { ...shift(word), separator };
    });
    return { ...shift(line), words };
  });
}

/**
 * Return what is sung at a position.
 * @returns {{line: number, next: number, word: number, fraction: number, wait_s: number|null}} line: Index of
 *   the line, or -1 in a long gap. next: Index of the line after it, which may not exist. word: Index of the
 *   last word that has begun. fraction: Part of it that is sung. wait_s: Time to the next line in a long gap.
 */
export function lyricsAt(lines, position_s) {
  const started = lines.findLastIndex(({ start_s }) => start_s <= position_s);
  const current = lines[started];
  const next = lines[started + 1];
  const gap_s = current && next ? next.start_s - current.end_s : Infinity;
  if (!current || (gap_s > LONG_GAP_S && position_s > current.end_s + LINGER_S)) {
    const wait_s = next ? next.start_s - position_s : null;
    return { line: -1, next: started + 1, word: -1, fraction: 0, wait_s };
  }
  const word = current.words.findLastIndex(({ start_s }) => start_s <= position_s);
  const { start_s, end_s } = current.words[Math.max(word, 0)];
  const fraction = Math.min(Math.max((position_s - start_s) / Math.max(end_s - start_s, 0.01), 0), 1);
  return { line: started, next: started + 1, word, fraction, wait_s: null };
}

const languageName = (code) => new Intl.DisplayNames(LOCALE, { type: "language" }).of(code);
