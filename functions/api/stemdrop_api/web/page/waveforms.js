// The pictures of all tracks of a song. They show the same range, and load its details when it is short.

import { shareLoads, sumOf } from "./audio-source.js";
import { AppError } from "./errors.js";
import { ORIGINAL } from "./mixer.js";
import { mergeOutlines, parseOutline, parsePeaksFile } from "./peaks.js";
import { fetchFile } from "./presigned-file.js";
import { addGestures } from "./range-gestures.js";
import { SampleWindow } from "./sample-window.js";
import { MAX_SPECTROGRAM_S, Spectrograms } from "./spectrogram.js";
import { Waveform } from "./waveform.js";

// Below it, the peaks in the file are wider than a few pixels.
const MAX_SAMPLES_S = 5;
const LOADING_DELAY_MS = 150;

export class Waveforms {
  #names;
  #range;
  #duration_s;
  #onChange;
  #waveforms = new Map();
  #sources = new Map();
  #gain;
  #selection = null;
  #spectrograms = null;
  #loadingTimer = null;
  #colorScheme = matchMedia("(prefers-color-scheme: dark)");

  /**
   * @param {object} job A job that is done.
   * @param {VisibleRange} range
   * @param {object} listeners `onSeek` and `onSelect` of `addGestures`, and `onChange`, which is called
   *   when `draw` has to be.
   */
  constructor(job, range, { onSeek, onSelect, onChange }) {
    const outlines = job.stems.map(({ waveform }) => waveform);
    this.#duration_s = job.stems[0].duration_s;
    this.#names = [ORIGINAL, ...job.stems.map(({ stem }) => stem)];
    this.#range = range;
    this.#onChange = onChange;
    for (const [index, outline] of [mergeOutlines(outlines), ...outlines].entries()) {
      const waveform = new Waveform(parseOutline(outline, this.#duration_s), () => this.#refresh());
      addGestures(waveform.element, range, {
        onSeek,
        onSelect,
        onSelecting: (selection) => {
          this.#selection = selection;
          onChange();
        },
      });
      this.#waveforms.set(this.#names[index], waveform);
    }
    this.#gain = this.#normalizingGain();
    range.addEventListener("change", () => this.#refresh());
    this.#colorScheme.addEventListener("change", onChange);
  }

  /** Return the element of a track. */
  element(name) {
    return this.#waveforms.get(name).element;
  }

  /** Replace the outlines by the peaks of the server. Results of earlier versions have none. */
  loadPeaks(getUrl) {
    return this.#loadPeaks(getUrl).catch(ignoreMissing);
  }

  async #loadPeaks(getUrl) {
    const channels = parsePeaksFile(await fetchFile(getUrl));
    for (const [index, name] of this.#names.entries()) this.#waveforms.get(name).peaks = channels[index];
    this.#gain = this.#normalizingGain();
    this.#onChange();
  }

  /** Set the source of a track's samples. */
  setSource(name, source) {
    const shared = shareLoads(source);
    this.#sources.set(name, shared);
    this.#waveforms.get(name).samples = new SampleWindow(shared);
    this.#scheduleLoading();
  }

  /** Show the sum of the stems as the original. */
  showSum() {
    this.setSource(ORIGINAL, sumOf([...this.#sources.values()]));
  }

  /** Show spectrograms where the visible range is short enough. */
  set hasSpectrograms(hasSpectrograms) {
    this.#spectrograms?.close();
    this.#spectrograms = hasSpectrograms ? new Spectrograms() : null;
    for (const waveform of this.#waveforms.values()) waveform.spectrogram = null;
    this.#refresh();
  }

  /**
   * Draw what has changed.
   * @param {number} position_s
   * @param {{start_s: number, end_s: number} | null} loop
   * @param {Map<string, number>} gains Gain of each track.
   */
  draw(position_s, loop, gains) {
    const shownLoop = this.#selection ?? loop;
    const ends = shownLoop && [shownLoop.start_s, shownLoop.end_s].map((time_s) => this.#range.toFraction(time_s));
    for (const [name, waveform] of this.#waveforms) {
      waveform.draw(this.#range, this.#gain, gains.get(name) > 0);
      waveform.showPosition(this.#range.toFraction(position_s), ends);
    }
  }

  close() {
    clearTimeout(this.#loadingTimer);
    this.#spectrograms?.close();
    this.#colorScheme.removeEventListener("change", this.#onChange);
    this.#waveforms.forEach((waveform) => waveform.close());
    this.#sources.clear();
  }

  #normalizingGain() {
    const largest = Math.max(...[...this.#waveforms.values()].map(({ peaks }) => peaks.largest));
    return 1 / Math.max(largest, 1e-6);
  }

  #refresh() {
    for (const waveform of this.#waveforms.values()) {
      if (this.#range.span_s > MAX_SPECTROGRAM_S) waveform.spectrogram = null;
      if (this.#range.span_s > MAX_SAMPLES_S) waveform.samples?.clear();
    }
    this.#onChange();
    this.#scheduleLoading();
  }

  /** Load the details of the visible range soon, but not of each one that is passed on the way. */
  #scheduleLoading() {
    if (this.#range.span_s > (this.#spectrograms ? MAX_SPECTROGRAM_S : MAX_SAMPLES_S)) return;
    this.#loadingTimer ??= setTimeout(() => {
      this.#loadingTimer = null;
      for (const name of this.#sources.keys()) {
        this.#loadDetails(name).catch(ignoreMissing);
      }
    }, LOADING_DELAY_MS);
  }

  async #loadDetails(name) {
    const waveform = this.#waveforms.get(name);
    const { start_s, end_s, span_s } = this.#range;
    if (this.#spectrograms) {
      const { clientWidth: columns, clientHeight: rows } = waveform.element;
      const image = await this.#spectrograms.draw(name, this.#sources.get(name), start_s, end_s, { columns, rows });
      if (image === null || this.#range.span_s > MAX_SPECTROGRAM_S || !this.#spectrograms) return;
      waveform.spectrogram = { image, start_s, end_s };
    } else if (span_s > MAX_SAMPLES_S || waveform.samples.has(start_s, end_s)) {
      return;
    } else if (!(await waveform.samples.load(start_s, end_s, this.#duration_s))) {
      return;
    }
    this.#onChange();
  }
}

/** Ignore why details are missing: the picture is good enough, and the playback reports the same error. */
function ignoreMissing(error) {
  if (!(error instanceof AppError) && error.name !== "AbortError") throw error;
}
