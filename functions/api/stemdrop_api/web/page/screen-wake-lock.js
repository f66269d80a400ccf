// Keeps the screen awake, where browsers can: on pages with https.

export class ScreenWakeLock {
  #lock = null;
  #abortController = new AbortController();

  constructor() {
    // The browser releases the lock of a hidden page.
    const request = () => document.visibilityState === "visible" && this.#request();
    document.addEventListener("visibilitychange", request, { signal: this.#abortController.signal });
    this.#request();
  }

  /** Let the screen sleep again. */
  close() {
    this.#abortController.abort();
    this.#lock?.release();
  }

  async #request() {
    const lock = await navigator.wakeLock?.request("screen").catch(() => null); // refused, as at low battery
    this.#lock = lock ?? null;
    if (this.#abortController.signal.aborted) this.#lock?.release();
  }
}
