// The choice of lyrics and their language, with what they cost.

import { byId, setText } from "./dom.js";
import { formatEstimate, formatPrice } from "./format.js";

const SONG_MINUTES = 3;

export class LyricsChoice {
  #engine;
  #isOffered;
  #languages;

  /**
   * @param {Map<string, object>} options Options of GET /options by name; those of the lyrics only if this
   *   installation has an engine.
   * @param {{engine: string, seconds_per_audio_minute: number|null,
   *   usd_per_audio_minute: number|null}|null} engine
   */
  constructor(options, engine) {
    this.#engine = engine;
    this.#isOffered = options.has("lyrics") && Boolean(engine);
    byId("lyrics-field").hidden = !this.#isOffered;
    if (!this.#isOffered) return;
    this.#languages = options.get("language").values;
    setText(byId("lyrics-label"), options.get("lyrics").label);
    const languages = this.#languages.map(({ value, label }) => new Option(label, value));
    byId("language").append(new Option("Find out", ""), ...languages);
    byId("lyrics").addEventListener("change", () => this.#showLanguage());
  }

  /** The options of a request. */
  get options() {
    if (!this.#isOffered) return {};
    const lyrics = byId("lyrics").checked;
    const language = byId("language").value;
    return lyrics && language ? { lyrics, language } : { lyrics };
  }

  /** Show the options of a job. */
  set options({ lyrics, language }) {
    if (!this.#isOffered) return;
    byId("lyrics").checked = lyrics === true;
    byId("language").value = language ?? "";
    if (byId("language").selectedIndex < 0) byId("language").value = "";
    this.#showLanguage();
  }

  /** Show the time and the price for this many songs, as far as the server knows them. */
  showEstimate(songCount) {
    if (!this.#isOffered) return;
    const { engine, seconds_per_audio_minute, usd_per_audio_minute } = this.#engine;
    const songs = songCount === 1 ? `a song of ${SONG_MINUTES} minutes` : `${songCount} songs of ${SONG_MINUTES} minutes`;
    const costs = [
      seconds_per_audio_minute && songCount === 1 && formatEstimate(seconds_per_audio_minute * SONG_MINUTES),
      usd_per_audio_minute && formatPrice(usd_per_audio_minute * SONG_MINUTES * songCount),
    ].filter(Boolean);
    const parts = [
      costs.length > 0 && `About ${costs.join(" and ")} more for ${songs}.`,
      engine === "transcribe" && "The vocals are sent to Amazon Transcribe.",
      this.#languages.length === 1 && `${this.#languages[0].label} only.`,
    ];
    setText(byId("lyrics-note"), parts.filter(Boolean).join(" "));
  }

  #showLanguage() {
    byId("language-field").hidden = !byId("lyrics").checked || this.#languages.length === 1;
  }
}
