// A song as the page shows it, whatever its state.

import { announce, make, setText } from "./dom.js";
import { sentence } from "./errors.js";
import { day, plural, roughly, titleOf } from "./format.js";
import { Deck } from "./player.js";

const ENDED = new Set(["failed", "interrupted", "gone"]);
const STAGES = {
  downloading: "Fetching the song",
  separating: "Separating",
  uploading: "Storing the stems",
};
const QUARTERS = 4;

export class Card {
  deck = null;
  #offer;
  #listeners;
  #said = "";

  /**
   * @param {Song} song
   * @param {object} offer what the server offers.
   * @param {{onOpen: (card: Card) => void, onAgain: (card: Card) => void,
   *   onDelete: (card: Card) => void}} listeners
   */
  constructor(song, offer, listeners) {
    this.song = song;
    this.#offer = offer;
    this.#listeners = listeners;
    const title = titleOf(song.name);
    const button = (text, label, click, kind = "quiet") =>
      make(`button.${kind}`, { type: "button", "aria-label": label, on: { click } }, text);
    this.heading = make("h3", { tabIndex: -1 }, title);
    this.status = make("p.status");
    this.failure = make("p.failure");
    this.warnings = make("div.warnings");
    this.bar = make("progress", { max: 1, "aria-label": `Progress of ${title}` });
    this.open = button("Open", `Open ${title}`, () => listeners.onOpen(this), "plain");
    this.again = button("Choose again", `Choose ${title} again`, () => listeners.onAgain(this), "plain");
    this.delete = button("Delete", `Delete ${title}`, () => listeners.onDelete(this));
    this.place = make("div");
    this.open.setAttribute("aria-expanded", "false");
    const head = make(
      "div.head",
      {},
      make("div.what", {}, this.heading, this.status),
      make("div.actions", {}, this.open, this.again, this.delete),
    );
    this.element = make("li.card", {}, head, this.bar, this.failure, this.warnings, this.place);
    song.addEventListener("change", () => this.show());
    this.show();
  }

  /** Show the stems, or hide them; hidden ones take no memory. */
  unfold(wanted) {
    if (wanted === (this.deck !== null)) return;
    this.deck?.close();
    this.deck = wanted ? new Deck(this.song, this.#offer) : null;
    this.place.replaceChildren(...(wanted ? [this.deck.element] : []));
    this.open.setAttribute("aria-expanded", wanted);
    setText(this.open, wanted ? "Close" : "Open");
    this.open.setAttribute("aria-label", `${wanted ? "Close" : "Open"} ${titleOf(this.song.name)}`);
  }

  /** Show the song as it is now. */
  show() {
    const { song } = this;
    const { state, failure, trouble, job } = song;
    this.element.dataset.state = state;
    setText(this.status, this.#status());
    this.bar.hidden = state === "done" || ENDED.has(state);
    this.#showShare(state);
    this.open.hidden = state !== "done";
    this.again.hidden = !ENDED.has(state);
    setText(this.delete, state === "done" ? "Delete" : ENDED.has(state) ? "Remove" : "Cancel");
    this.delete.setAttribute("aria-label", `${this.delete.textContent} ${titleOf(song.name)}`);
    const wrong = state === "interrupted" ? { code: "interrupted" } : (failure ?? trouble);
    const sentences = wrong ? sentence(wrong, this.#offer) : "";
    setText(this.failure, sentences);
    this.failure.classList.toggle("passing", trouble !== null);
    const warnings = state === "done" ? job.warnings : [];
    if (this.warnings.childElementCount !== warnings.length) {
      this.warnings.replaceChildren(...warnings.map((text) => make("p.warning", {}, text)));
    }
    if (state === "gone") this.unfold(false);
    this.#announce(sentences);
  }

  #showShare(state) {
    const { sent, job } = this.song;
    const share = { uploading: sent, processing: job?.progress ?? 0 }[state];
    if (share) this.bar.value = share;
    else this.bar.removeAttribute("value");
  }

  #status() {
    const { state, sent, job } = this.song;
    switch (state) {
      case "loading":
        return "Looking it up …";
      case "reading":
        return "Reading the file …";
      case "uploading":
        return `Uploading, ${Math.floor(100 * sent)} %`;
      case "waiting":
        return "Waiting for its turn …";
      case "processing":
        return this.#progress(job);
      case "done": {
        const until = job.expires_at ? ` – here until ${day(job.expires_at)}` : "";
        return `${plural(job.stems.length, "stem")}, ${job.options.codec}${until}`;
      }
      default:
        return "";
    }
  }

  #progress({ stage, progress, seconds_left: left }) {
    const time = left === null ? "" : `, ${roughly(left)} left`;
    return `${STAGES[stage] ?? "Working"}, ${Math.floor(100 * progress)} %${time}`;
  }

  /** Tell who can't see it of what matters: not of every percent. */
  #announce(sentences) {
    const { state, name, job } = this.song;
    const quarter = Math.floor((job?.progress ?? 0) * QUARTERS);
    const news = [state, sentences, state === "processing" ? quarter : ""].join();
    const isFirst = this.#said === "";
    if (news === this.#said) return;
    this.#said = news;
    if (isFirst || state === "loading") return;
    const said = {
      uploading: "is being uploaded.",
      waiting: "is waiting for its turn.",
      processing: `is being separated, ${(100 / QUARTERS) * quarter} percent.`,
      done: `is ready: ${plural(job?.stems.length ?? 0, "stem")}.`,
    }[state];
    announce(`${titleOf(name)}: ${sentences || said || state}`);
  }
}
