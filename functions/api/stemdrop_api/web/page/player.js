// The player of a song: its stems and the original, with mixer, waveforms and downloads.

import { createStemSource } from "./audio-source.js";
import { ChannelStrip } from "./channel-strip.js";
import { createElement, setText } from "./dom.js";
import { createArchiveLinks, createDownloadLink } from "./download-link.js";
import { errorMessage } from "./errors.js";
import { capitalize, withoutExtension } from "./format.js";
import { LyricsDownloads } from "./lyrics-downloads.js";
import { LyricsView } from "./lyrics-view.js";
import { removeFromMediaSession, showInMediaSession } from "./media-session.js";
import { MixControls } from "./mix-controls.js";
import { MixPresets } from "./mix-presets.js";
import { Mixer, ORIGINAL } from "./mixer.js";
import { OriginalTrack } from "./original-track.js";
import { PlaybackControls } from "./playback-controls.js";
import { Playback } from "./playback.js";
import { PracticeControls } from "./practice-controls.js";
import { createLink } from "./song-link.js";
import { SongSettings } from "./song-settings.js";
import { Timeline } from "./timeline.js";
import { VisibleRange } from "./visible-range.js";
import { Waveforms } from "./waveforms.js";
import { ZoomControls } from "./zoom-controls.js";

export class Player {
  #song;
  #capabilities;
  #mixer;
  #playback;
  #controls;
  #settings;
  #presets;
  #mixControls;
  #lyrics;
  #lyricsDownloads;
  #strips = [];
  #sources = new Map();
  #range;
  #timeline;
  #waveforms;
  #zoomControls;
  #error = createElement("p.error", { role: "alert" });
  #showError = (error) => setText(this.#error, errorMessage(error, this.#capabilities));
  #animationFrame = null;
  #isAnimating = false;

  /**
   * @param {Song} song A song that is done.
   * @param {object} capabilities Response of GET /options.
   */
  constructor(song, capabilities) {
    const { job } = song;
    this.#song = song;
    this.#capabilities = capabilities;
    this.#mixer = new Mixer(job.stems.map(({ stem }) => stem));
    const { offset_s = 0 } = job.options;
    const beats_s = (job.music?.beats_s ?? []).map((time_s) => time_s - offset_s);
    this.#playback = new Playback(job.stems[0].duration_s, beats_s);
    this.#settings = new SongSettings(song.id, this.#mixer, this.#playback);
    this.#controls = new PlaybackControls(this.#playback, withoutExtension(song.name));
    this.#range = new VisibleRange(this.#playback.duration_s);
    this.#timeline = new Timeline(this.#playback, this.#range, () => this.#draw());
    this.#zoomControls = this.#createZoomControls();
    this.#waveforms = this.#createWaveforms();
    const tracks = job.stems.map((stem) => this.#stemTrack(stem));
    if (this.#isSumOriginal) this.#waveforms.showSum();
    this.#presets = new MixPresets(this.#mixer, () => this.#applyGains());
    this.#mixControls = this.#createMixControls();
    this.#lyrics = this.#createLyrics();
    this.#lyricsDownloads = new LyricsDownloads(song, this.#showError);
    this.element = createElement(
      "div.player",
      { role: "group", ariaLabel: `Stems of ${song.name}` },
      this.#controls.element,
      this.#lyrics.element,
      new PracticeControls(this.#playback, job.music?.tempo_bpm ?? null).element,
      createElement("div.toolbar", {}, this.#presets.element, this.#zoomControls.element),
      createElement("div.track.timeline-track", {}, this.#timeline.element),
      createElement("div.tracks", {}, ...tracks, this.#createOriginalTrack().element),
      this.#error,
      createElement(
        "div.save-actions",
        {},
        this.#mixControls.element,
        createArchiveLinks(song, this.#showError),
        ...this.#lyricsDownloads.elements,
      ),
    );
    this.#playback.addEventListener("change", () => {
      if (this.#playback.isPlaying && !this.#isAnimating) this.#range.isFollowing = true;
      this.#isAnimating = this.#playback.isPlaying;
      this.#animate();
    });
    showInMediaSession(this.#playback, withoutExtension(song.name));
    this.#playback.addEventListener("error", ({ detail }) => this.#showError(detail));
    this.#applyGains();
    this.#animate();
    collectGarbage();
  }

  get playback() {
    return this.#playback;
  }

  get #isSumOriginal() {
    const { options, stems } = this.#song.job;
    const all = this.#capabilities.models.find(({ model }) => model === options.model)?.stems;
    return options.residual || stems.length === all?.length;
  }

  /** Stop the playback and release its memory. */
  close() {
    cancelAnimationFrame(this.#animationFrame);
    removeFromMediaSession(this.#playback);
    this.#mixControls.close();
    this.#lyrics.close();
    this.#lyricsDownloads.close();
    this.#settings.close();
    this.#playback.close();
    this.#timeline.close();
    this.#waveforms.close();
  }

  #stemTrack({ stem, duration_s }) {
    const { options } = this.#song.job;
    const findFile = (job) => job.stems.find((other) => other.stem === stem);
    const source = createStemSource(options, duration_s, this.#song.urlOf(findFile));
    this.#sources.set(stem, source);
    this.#playback.addTrack(stem, source, 1);
    const strip = new ChannelStrip(stem, this.#mixer.channel(stem), () => this.#applyGains());
    this.#strips.push(strip);
    this.#waveforms.setSource(stem, source);
    return createElement(
      "div.track",
      { role: "group", ariaLabel: capitalize(stem), "data-stem": stem },
      createElement("span.name", {}, capitalize(stem)),
      strip.panElement,
      strip.element,
      this.#waveforms.element(stem),
      createDownloadLink(this.#song, findFile, `Save ${stem}`, this.#showError),
    );
  }

  #createOriginalTrack() {
    return new OriginalTrack(this.#song, this.#waveforms.element(ORIGINAL), {
      onSource: (source) => {
        this.#playback.addTrack(ORIGINAL, source, 0);
        this.#waveforms.setSource(ORIGINAL, source);
      },
      onToggle: (isOn) => {
        this.#mixer.originalOnly = isOn;
        this.#applyGains();
      },
      onError: this.#showError,
    });
  }

  #createMixControls() {
    const { id, name } = this.#song;
    const parts = {
      title: withoutExtension(name),
      mixer: this.#mixer,
      presets: this.#presets,
      playback: this.#playback,
      settings: this.#settings,
      sources: this.#sources,
    };
    return new MixControls(parts, {
      getLink: () => createLink(id, this.#settings.current),
      onError: this.#showError,
    });
  }

  #createLyrics() {
    return new LyricsView(this.#song, this.#playback, {
      onError: this.#showError,
      getMix: () => ({
        title: withoutExtension(this.#song.name),
        language: this.#song.job.lyrics.language,
        mixer: this.#mixer,
        presets: this.#presets,
        onMixChange: () => this.#applyGains(),
      }),
    });
  }

  #createWaveforms() {
    const { job } = this.#song;
    const waveforms = new Waveforms(job, this.#range, {
      onSeek: (position_s) => this.#playback.seek(position_s),
      onSelect: (start_s, end_s) => {
        this.#playback.setLoop(start_s, end_s);
        this.#playback.seek(start_s);
      },
      onChange: () => this.#draw(),
    });
    if (job.peaks) waveforms.loadPeaks(this.#song.urlOf(({ peaks }) => peaks));
    return waveforms;
  }

  #createZoomControls() {
    const getPosition = () => this.#playback.position_s;
    return new ZoomControls(this.#range, getPosition, (isShown) => (this.#waveforms.hasSpectrograms = isShown));
  }

  #applyGains() {
    for (const [name, gain] of this.#mixer.gains()) this.#playback.setGain(name, gain);
    for (const stem of this.#mixer.stems) this.#playback.setPan(stem, this.#mixer.channel(stem).pan);
    for (const strip of this.#strips) strip.show();
    this.#presets.show();
    this.#settings.changed();
    this.#draw();
  }

  /** Draw now, and again in each animation frame during the playback. */
  #animate() {
    this.#range.follow(this.#playback.position_s);
    this.#draw();
    cancelAnimationFrame(this.#animationFrame);
    if (this.#playback.isPlaying) this.#animationFrame = requestAnimationFrame(() => this.#animate());
  }

  #draw() {
    const { position_s } = this.#playback;
    this.#timeline.showPosition();
    this.#waveforms.draw(position_s, this.#timeline.loop, new Map(this.#mixer.gains()));
    this.#controls.show();
    this.#mixControls.show();
    this.#lyrics.show(position_s);
  }
}

/** Have Chromium collect garbage, which otherwise waits for 64 MB of new arrays. An unused one takes no memory. */
function collectGarbage() {
  try {
    new ArrayBuffer(2 ** 27);
  } catch {} // too large for this browser
}
