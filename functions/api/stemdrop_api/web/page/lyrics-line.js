// The words of a line, which light up as they are sung.

import { createElement } from "./dom.js";

export class LyricsLine {
  #spans;
  #word = null;

  /** @param {object} line A line of `loadLines`. */
  constructor({ words }) {
    this.#spans = words.map(({ text }) => createElement("span.word", { "data-text": text }, text));
    this.nodes = this.#spans.flatMap((span, index) => [words[index].separator, span]);
  }

  /** Show the word that is sung, and which part of it has been, from 0 to 1. Before the first one, it is -1. */
  show(word, fraction) {
    this.#spans[word]?.style.setProperty("--sung", `${Math.round(100 * fraction)}%`);
    if (word === this.#word) return;
    this.#word = word;
    for (const [index, { classList }] of this.#spans.entries()) {
      classList.toggle("sung", index < word);
      classList.toggle("current", index === word);
    }
  }
}
