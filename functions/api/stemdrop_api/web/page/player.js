// The stems of a song: heard together, one by one, against the original; and saved.

import { make, setText } from "./dom.js";
import { sentence } from "./errors.js";
import { Mixer, ORIGINAL } from "./mixer.js";
import { capital } from "./format.js";
import { sourceOf, sourceOfFile } from "./audio-source.js";
import { saveLink } from "./download-link.js";
import { Controls } from "./playback-controls.js";
import { Transport } from "./playback.js";
import { largestOf, outlineOf, scaled, Waveform } from "./waveform.js";

export class Deck {
  #song;
  #offer;
  #mixer;
  #transport;
  #controls;
  #waveforms = new Map();
  #failure = make("p.failure", { role: "alert" });
  #frame = null;

  constructor(song, offer) {
    const { job } = song;
    this.#song = song;
    this.#offer = offer;
    this.#mixer = new Mixer(job.stems.map(({ stem }) => stem));
    this.#transport = new Transport(job.stems[0].duration_s);
    this.#controls = new Controls(this.#transport);
    const outlines = scaled(job.stems.map(({ waveform }) => outlineOf(waveform)));
    const rows = job.stems.map((stem, at) => this.#stemRow(stem, outlines[at]));
    this.element = make(
      "div.deck",
      { role: "group", "aria-label": `Stems of ${song.name}` },
      this.#controls.element,
      make("div.tracks", {}, ...rows, this.#originalRow(largestOf(outlines))),
      this.#failure,
      this.#saveAll(),
    );
    this.#transport.addEventListener("change", () => this.#follow());
    this.#transport.addEventListener("failure", ({ detail }) => this.#say(detail));
    this.#follow();
  }

  /** Play or pause. */
  toggle() {
    this.#say(null);
    if (this.#transport.playing) this.#transport.pause();
    else this.#transport.play();
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.#transport.close();
    this.#waveforms.forEach((waveform) => waveform.close());
  }

  #stemRow({ stem, duration_s }, outline) {
    const strip = this.#mixer.strip(stem);
    const { codec } = this.#song.job.options;
    const find = (job) => job.stems.find((found) => found.stem === stem);
    const url = async (anew) => find(await this.#song.fresh({ anew })).url;
    this.#transport.add(stem, sourceOf(codec, duration_s, url), 1);
    const flag = (text, name) =>
      make(
        "button.flag",
        {
          type: "button",
          "aria-pressed": "false",
          "aria-label": `${text} ${stem}`,
          on: {
            click: ({ currentTarget }) => {
              strip[name] = !strip[name];
              currentTarget.setAttribute("aria-pressed", strip[name]);
              this.#mix();
            },
          },
        },
        text,
      );
    const volume = make("input.volume", {
      type: "range", min: 0, max: 100, value: 100, "aria-label": `Volume of ${stem}`,
      on: {
        input: () => {
          strip.volume = (volume.value / 100) ** 2; // nearer to how loud it sounds
          this.#mix();
        },
      },
    });
    return make(
      "div.track",
      { role: "group", "aria-label": capital(stem) },
      make("span.name", {}, capital(stem)),
      make("span.strip", {}, flag("Mute", "muted"), flag("Solo", "soloed"), volume),
      this.#waveform(stem, outline),
      saveLink(this.#song, find, `Save ${stem}`, (failure) => this.#say(failure)),
    );
  }

  #originalRow(outline) {
    const { file } = this.#song;
    const button = make(
      "button.flag",
      { type: "button", "aria-pressed": "false", on: { click: () => this.#compare(button) } },
      "Listen",
    );
    const picker = make("input", {
      type: "file", className: "visually-hidden", accept: "audio/*,video/*", on: { change: () => this.#choose(picker) },
    });
    const wanted = make("label.flag.file", {}, picker, "Choose its file");
    const isHere = file !== null;
    button.setAttribute("aria-label", "Listen to the original");
    wanted.hidden = isHere;
    button.hidden = !isHere;
    this.#showOriginal = () => {
      const hadFocus = document.activeElement === picker;
      wanted.hidden = true;
      button.hidden = false;
      if (hadFocus) button.focus();
    };
    if (isHere) this.#addOriginal(file);
    return make(
      "div.track.original",
      { role: "group", "aria-label": "Original" },
      make("span.name", {}, "Original"),
      make("span.strip", {}, button, wanted),
      this.#waveform(ORIGINAL, outline),
      make("span.hint", {}, "to compare with"),
    );
  }

  #showOriginal = () => {};

  #addOriginal(file) {
    const { job } = this.#song;
    const source = sourceOfFile(file, job.sound?.duration_s ?? 0, job.options.offset_s ?? 0);
    let added = false;
    this.#whenCompared = () => {
      if (!added) this.#transport.add(ORIGINAL, source, 0);
      added = true;
    };
  }

  #whenCompared = () => {};

  #choose(picker) {
    const [file] = picker.files;
    if (!file) return;
    if (file.size !== this.#song.job.source.size_bytes) {
      this.#say({ code: "other_file", detail: "That is another file. Choose the one that was separated." });
      return;
    }
    this.#say(null);
    this.#song.file = file;
    this.#addOriginal(file);
    this.#showOriginal();
  }

  #compare(button) {
    this.#whenCompared();
    this.#mixer.comparing = !this.#mixer.comparing;
    button.setAttribute("aria-pressed", this.#mixer.comparing);
    this.#mix();
  }

  #saveAll() {
    if (!this.#song.job.zip) return null;
    const onFailure = (failure) => this.#say(failure);
    const link = saveLink(this.#song, ({ zip }) => zip, "Save all", onFailure);
    link.classList.add("primary");
    return make("p.all", {}, link);
  }

  #waveform(name, outline) {
    const { duration_s } = this.#transport;
    const waveform = new Waveform(outline, {
      onSeek: (share) => this.#transport.seek(share * duration_s),
      onPart: (from, to) => {
        this.#transport.setLoop(from * duration_s, to * duration_s);
        this.#transport.seek(from * duration_s);
      },
    });
    waveform.canvas.addEventListener("fit", () => this.#draw());
    this.#waveforms.set(name, waveform);
    return waveform.canvas;
  }

  #mix() {
    for (const [name, level] of this.#mixer.levels()) this.#transport.setLevel(name, level);
    this.#draw();
  }

  #say(failure) {
    setText(this.#failure, failure ? sentence(failure, this.#offer) : "");
  }

  #follow() {
    this.#draw();
    cancelAnimationFrame(this.#frame);
    if (this.#transport.playing) this.#frame = requestAnimationFrame(() => this.#follow());
  }

  #draw() {
    const { duration_s, position_s, loop } = this.#transport;
    const part = loop && [loop.start_s / duration_s, loop.end_s / duration_s];
    const levels = new Map(this.#mixer.levels());
    for (const [name, waveform] of this.#waveforms) {
      waveform.draw(position_s / duration_s, part, levels.get(name) > 0);
    }
    this.#controls.show();
  }
}
