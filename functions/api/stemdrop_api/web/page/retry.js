// Delays and retries.

const MAX_DELAY_S = 30;

/**
 * Wait. The wait ends early when the browser comes back online.
 * @param {number} duration_s
 * @param {AbortSignal} [signal] Rejects the promise.
 */
export async function delay(duration_s, signal) {
  signal?.throwIfAborted();
  const listeners = new AbortController();
  const options = { signal: listeners.signal };
  await new Promise((resolve, reject) => {
    setTimeout(resolve, duration_s * 1000);
    addEventListener("online", resolve, options);
    signal?.addEventListener("abort", () => reject(signal.reason), options);
  }).finally(() => listeners.abort());
}

/**
 * Repeat an operation until it succeeds or fails with an error that isn't transient.
 * @param {() => Promise<T>} operation
 * @param {(error: AppError|null) => void} onTransientError Receives each transient error, and null
 *   after the success.
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 * @template T
 */
export async function retry(operation, onTransientError, signal) {
  for (let delay_s = 1; ; delay_s = Math.min(2 * delay_s, MAX_DELAY_S)) {
    try {
      const result = await operation();
      onTransientError(null);
      return result;
    } catch (error) {
      if (!error.isTransient) throw error;
      error.isRetried = true;
      onTransientError(error);
      await delay(Math.max(delay_s, error.retryAfter_s ?? 0), signal);
    }
  }
}
