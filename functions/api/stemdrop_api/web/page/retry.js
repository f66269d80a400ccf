// Waiting, which ends early when there is a reason to.

const LONGEST_S = 30;

/**
 * Wait; not to the end if the connection comes back, or if nobody wants the result any more.
 * @param {number} seconds
 * @param {AbortSignal} [signal]
 */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      signal?.removeEventListener("abort", stop);
    };
    const wake = () => {
      end();
      resolve();
    };
    const stop = () => {
      end();
      reject(signal.reason);
    };
    const timer = setTimeout(wake, seconds * 1000);
    addEventListener("online", wake);
    signal?.addEventListener("abort", stop);
  });
}

/**
 * Do something until it works, as long as it fails by something that passes.
 * @param {() => Promise<T>} work
 * @param {(failure: Failure|null) => void} onTrouble told of each failure, and of its end.
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 * @template T
 */
export async function persist(work, onTrouble, signal) {
  for (let wait_s = 1; ; wait_s = Math.min(2 * wait_s, LONGEST_S)) {
    try {
      const result = await work();
      onTrouble(null);
      return result;
    } catch (failure) {
      if (!failure.passes) throw failure;
      onTrouble(failure);
      await pause(Math.max(wait_s, failure.retryAfter_s ?? 0), signal);
    }
  }
}
