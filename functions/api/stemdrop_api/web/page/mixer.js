// How loud each track is: muted, soloed, turned down, or silent for the original to be heard alone.

export const ORIGINAL = "original";

export class Mixer {
  comparing = false;
  #strips = new Map();

  /** @param {string[]} stems */
  constructor(stems) {
    for (const stem of stems) this.#strips.set(stem, { volume: 1, muted: false, soloed: false });
  }

  /** Return a stem's settings, to be changed. */
  strip(stem) {
    return this.#strips.get(stem);
  }

  /** Return the level of every track, by name. */
  levels() {
    const strips = [...this.#strips];
    const someAlone = strips.some(([, { soloed }]) => soloed);
    const levels = strips.map(([stem, { volume, muted, soloed }]) => {
      const isHeard = !this.comparing && (someAlone ? soloed : !muted);
      return [stem, isHeard ? volume : 0];
    });
    return [...levels, [ORIGINAL, this.comparing ? 1 : 0]];
  }
}
