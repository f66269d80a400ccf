// The gain of each track, from mute, solo, volume and the comparison with the original.

export const ORIGINAL = "original";

export class Mixer {
  originalOnly = false;
  #channels = new Map();

  /** @param {string[]} stems */
  constructor(stems) {
    for (const stem of stems) this.#channels.set(stem, { volume: 1, muted: false, soloed: false });
  }

  /** Return the mutable settings of a stem. */
  channel(stem) {
    return this.#channels.get(stem);
  }

  /** Return the name and gain of every track. */
  gains() {
    const channels = [...this.#channels];
    const anySoloed = channels.some(([, { soloed }]) => soloed);
    const gains = channels.map(([stem, { volume, muted, soloed }]) => {
      const isAudible = !this.originalOnly && (anySoloed ? soloed : !muted);
      return [stem, isAudible ? volume : 0];
    });
    return [...gains, [ORIGINAL, this.originalOnly ? 1 : 0]];
  }
}
