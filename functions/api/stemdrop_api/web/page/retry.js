// Delays and retries.

const MAX_DELAY_S = 30;

/**
 * Wait. The wait ends early when the browser comes back online.
 * @param {number} duration_s
 * @param {AbortSignal} [signal] Rejects the promise.
 */
export function delay(duration_s, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const removeListeners = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal?.removeEventListener("abort", abort);
    };
    const end = () => {
      removeListeners();
      resolve();
    };
    const abort = () => {
      removeListeners();
      reject(signal.reason);
    };
    const timer = setTimeout(end, duration_s * 1000);
    addEventListener("online", end);
    signal?.addEventListener("abort", abort);
  });
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
      onTransientError(error);
      await delay(Math.max(delay_s, error.retryAfter_s ?? 0), signal);
    }
  }
}
