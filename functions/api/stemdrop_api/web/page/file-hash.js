// SHA-256 of files, one file at a time, so that several files don't compete for the disk.

import { AppError } from "./errors.js";

let previousHash = Promise.resolve();

/**
 * Return the SHA-256 of a file as hex digits.
 * @param {File} file
 * @param {AbortSignal} signal
 */
export function hashFile(file, signal) {
  const hash = previousHash.then(() => hashInWorker(file, signal));
  previousHash = hash.catch(() => {});
  return hash;
}

function hashInWorker(file, signal) {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./file-hash-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.addEventListener("error", () => reject(new AppError("unreadable")));
    worker.addEventListener("message", ({ data: { sha256 } }) => {
      if (sha256) resolve(sha256);
      else reject(new AppError("unreadable"));
    });
    worker.postMessage(file);
  }).finally(() => worker.terminate());
}
