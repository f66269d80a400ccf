// The karaoke mode: the lyrics in full screen, to be read from across a room.

import { toGain, toPercent } from "./channel-strip.js";
import { createButton, createElement, setText } from "./dom.js";
import { LyricsLine } from "./lyrics-line.js";
import { showPlayButton } from "./playback-controls.js";
import { ScreenWakeLock } from "./screen-wake-lock.js";

const VOCALS = "vocals";
const NEXT_LINES = 2;
const DOTS = 3; // of the count-in, one for each second
const IDLE_MS = 3000;
const NOTE_MS = 8000;

export class Karaoke {
  #lines;
  #playback;
  #mix;
  #onClose;
  #abortController = new AbortController();
  #wakeLock = new ScreenWakeLock();
  #shownKey = null;
  #line = null;
  #idleTimer = null;
  #hadFullMix = false;
  #lyrics = createElement("div.karaoke-lyrics");
  #title = createElement("h2.karaoke-title");
  #wait = createElement("p.karaoke-wait", { ariaHidden: "true" });
  #waitText = createElement("span");
  #dots = Array.from({ length: DOTS }, () => createElement("span.dot"));
  #current = createElement("p.karaoke-line", { dir: "auto" });
  #next = Array.from({ length: NEXT_LINES }, () => createElement("p.karaoke-next", { dir: "auto" }));
  #note = createElement("p.karaoke-note", { role: "status" });
  #playButton;
  #vocalsSlider;
  #screen;
  #dialog;

  /**
   * @param {object[]} lines Result of `loadLines`.
   * @param {Playback} playback
   * @param {{title: string, language: string, mixer: Mixer, presets: MixPresets, onMixChange: () => void}} mix
   * @param {() => void} onClose
   */
  constructor(lines, playback, mix, onClose) {
    this.#lines = lines;
    this.#playback = playback;
    this.#mix = mix;
    this.#onClose = onClose;
    setText(this.#title, mix.title);
    this.#wait.append(this.#waitText, ...this.#dots);
    this.#lyrics.lang = mix.language;
    this.#lyrics.append(this.#title, this.#wait, this.#current, ...this.#next);
    this.#screen = createElement("div.karaoke-screen", {}, this.#lyrics, this.#createControls());
    this.#dialog = createElement("dialog.karaoke", { ariaLabel: `Karaoke: ${mix.title}` }, this.#screen);
    document.body.append(this.#dialog);
    this.#listen();
    this.#dialog.showModal();
    this.#screen.requestFullscreen?.({ navigationUI: "hide" }).catch(() => {}); // the dialog fills the window
    this.#playButton.focus();
    this.#removeVocals();
    this.#showControls();
  }

  /** Show what is sung now, a result of `lyricsAt`. */
  show({ line, next, word, fraction, wait_s }) {
    const shown = line < 0 ? next : line;
    const key = [shown, line < 0].join();
    this.#showWait(wait_s, next === 0);
    if (key !== this.#shownKey) this.#showLines(shown, line < 0);
    this.#shownKey = key;
    this.#line?.show(word, fraction);
    this.#showPlayback();
  }

  close() {
    const { signal } = this.#abortController;
    if (signal.aborted) return;
    this.#abortController.abort();
    clearTimeout(this.#idleTimer);
    this.#wakeLock.close();
    this.#dialog.close();
    this.#dialog.remove(); // which leaves the full screen
    this.#mix.mixer.silencedStem = null;
    this.#mix.onMixChange();
    this.#onClose();
  }

  #listen() {
    const { signal } = this.#abortController;
    let wasFullScreen = false;
    document.addEventListener(
      "fullscreenchange",
      () => {
        if (wasFullScreen && document.fullscreenElement !== this.#screen) this.close();
        wasFullScreen = document.fullscreenElement === this.#screen;
      },
      { signal },
    );
    this.#dialog.addEventListener("close", () => this.close(), { signal });
    for (const type of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      this.#dialog.addEventListener(type, () => this.#showControls(), { signal });
    }
    this.#playback.addEventListener("change", () => this.#showControls(), { signal });
    addEventListener("resize", () => this.#fit(), { signal });
  }

  #createControls() {
    this.#playButton = createButton("button.play", "", () => this.#playback.toggle());
    this.#vocalsSlider = createElement("input", {
      type: "range", min: 0, max: 100, on: { input: () => this.#setVocals(this.#vocalsSlider.valueAsNumber) },
    });
    const vocals = createElement("label.karaoke-vocals", {}, createElement("span", {}, "Vocals"), this.#vocalsSlider);
    vocals.hidden = !this.#mix.mixer.stems.includes(VOCALS);
    return createElement(
      "div.karaoke-controls",
      {},
      this.#note,
      this.#playButton,
      createButton("button", "Start over", () => this.#playback.seek(0)),
      vocals,
      createButton("button.leave", "Leave", () => this.close()),
    );
  }

  /** Remove the vocals from the mix, unless the user has changed it. */
  #removeVocals() {
    const { mixer, presets } = this.#mix;
    this.#hadFullMix = presets.current === "Full mix" && !mixer.originalOnly;
    if (!this.#hadFullMix) return;
    this.#setVocals(0);
    setText(this.#note, "The vocals are off. Turn them up for a guide vocal.");
    setTimeout(() => {
      setText(this.#note, "");
      this.#fit();
    }, NOTE_MS);
  }

  #setVocals(percent) {
    const { mixer, onMixChange } = this.#mix;
    const isSilenced = percent === 0 && this.#hadFullMix;
    mixer.silencedStem = isSilenced ? VOCALS : null;
    Object.assign(mixer.channel(VOCALS), { volume: isSilenced ? 1 : toGain(percent), muted: false });
    onMixChange();
  }

  #showLines(index, isWaiting) {
    const shown = this.#lines[index];
    const isIntro = isWaiting && index === 0;
    this.#title.hidden = !isIntro && shown !== undefined;
    this.#line = shown ? new LyricsLine(shown) : null;
    this.#current.replaceChildren(...(this.#line?.nodes ?? []));
    for (const [offset, element] of this.#next.entries()) {
      setText(element, this.#lines[index + 1 + offset]?.text ?? "");
    }
    this.#fit();
  }

  /** Show as many lines to come as there is room for. */
  #fit() {
    for (const element of this.#next) element.hidden = false;
    for (const element of this.#next.toReversed()) {
      element.hidden = this.#lyrics.scrollHeight > this.#lyrics.clientHeight;
    }
  }

  /** Count the seconds to the next line, as they pass at the current tempo. */
  #showWait(wait_s, isIntro) {
    this.#wait.hidden = wait_s === null;
    if (wait_s === null) return;
    const seconds = Math.ceil((100 * wait_s) / this.#playback.tempo_percent);
    const label = isIntro ? "Starts in" : "Instrumental";
    setText(this.#waitText, seconds > DOTS ? `${label}${isIntro ? "" : ","} ${seconds} s` : "");
    for (const [index, dot] of this.#dots.entries()) {
      dot.hidden = seconds > DOTS;
      dot.classList.toggle("lit", index < seconds);
    }
  }

  #showPlayback() {
    showPlayButton(this.#playButton, this.#playback);
    if (this.#vocalsSlider !== document.activeElement) {
      this.#vocalsSlider.value = toPercent(new Map(this.#mix.mixer.stemGains()).get(VOCALS) ?? 0);
    }
  }

  /** Show the controls and the pointer, until nothing has moved for a while during the playback. */
  #showControls() {
    this.#screen.classList.remove("idle");
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#screen.classList.toggle("idle", this.#playback.isPlaying), IDLE_MS);
  }
}
