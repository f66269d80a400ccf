// The gain of each track, from mute, solo, volume and the comparison with the original.

export const ORIGINAL = "original";

export class Mixer {
  originalOnly = false;
  silencedStem = null; // by the karaoke mode, which leaves the stored settings as they are
  #channels = new Map();

  /** @param {string[]} stems */
  constructor(stems) {
    for (const stem of stems) this.#channels.set(stem, { volume: 1, pan: 0, muted: false, soloed: false });
  }

  get stems() {
    return [...this.#channels.keys()];
  }

  /** Return the mutable settings of a stem: volume from 0 to 1, pan from -1 to 1, muted and soloed. */
  channel(stem) {
    return this.#channels.get(stem);
  }

  /** Return the name and gain of every stem, whether or not the original is played instead. */
  stemGains() {
    const channels = [...this.#channels];
    const anySoloed = channels.some(([, { soloed }]) => soloed);
    return channels.map(([stem, { volume, muted, soloed }]) => {
      const isHeard = stem !== this.silencedStem && (anySoloed ? soloed : !muted);
      return [stem, isHeard ? volume : 0];
    });
  }

  /** Return the name and gain of every track. */
  gains() {
    const gains = this.stemGains().map(([stem, gain]) => [stem, this.originalOnly ? 0 : gain]);
    return [...gains, [ORIGINAL, this.originalOnly ? 1 : 0]];
  }
}
