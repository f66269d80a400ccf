// The songs that were chosen, and what is to be made of them, before they are sent.

import { announce, make, setText, the } from "./dom.js";
import { objection } from "./file-input.js";
import { megabytes, plural } from "./format.js";
import { Song } from "./song.js";

export class Staging {
  #offer;
  #choices;
  #songs = [];

  /**
   * @param {object} offer what the server offers.
   * @param {Choices} choices
   * @param {(songs: Song[], options: object) => void} onSeparate
   */
  constructor(offer, choices, onSeparate) {
    this.#offer = offer;
    this.#choices = choices;
    the("staged").addEventListener("submit", (event) => {
      event.preventDefault();
      const options = choices.read();
      if (options === null) return;
      const songs = this.#songs;
      this.#songs = [];
      this.#show();
      onSeparate(songs, options);
    });
    the("discard").addEventListener("click", () => {
      this.#songs.forEach((song) => song.drop());
      this.#songs = [];
      this.#show();
      the("picker").focus();
    });
  }

  /** Take files, or say why not. */
  add(files, options = null) {
    const objections = files.map((file) => objection(file, this.#offer));
    const refused = objections.filter((sentence) => sentence !== null);
    the("refusals").replaceChildren(...refused.map((sentence) => make("p.failure", {}, sentence)));
    const taken = files.filter((_, index) => objections[index] === null);
    if (!taken.length) return;
    this.#songs.push(...taken.map((file) => Song.chosen(file, this.#offer.url_lifetime_s)));
    if (options) this.#choices.show(options);
    this.#show();
    the("separate").focus();
    announce(`${plural(this.#songs.length, "song")} chosen. Separate, or change the choices first.`);
  }

  #show() {
    const songs = this.#songs;
    the("staged").hidden = songs.length === 0;
    the("choose").classList.toggle("staging", songs.length > 0);
    the("chosen").replaceChildren(...songs.map((song) => this.#row(song)));
    setText(the("separate"), songs.length > 1 ? `Separate ${songs.length} songs` : "Separate");
  }

  #row(song) {
    const remove = make(
      "button.quiet",
      { type: "button", "aria-label": `Leave out ${song.name}`, on: { click: () => this.#remove(song) } },
      "Leave out",
    );
    remove.hidden = this.#songs.length === 1; // to discard it is the same
    const size = make("span.size", {}, megabytes(song.file.size));
    return make("li", {}, make("span.name", {}, song.name), size, remove);
  }

  #remove(song) {
    song.drop();
    this.#songs = this.#songs.filter((other) => other !== song);
    this.#show();
    (this.#songs.length ? the("separate") : the("picker")).focus();
  }
}
