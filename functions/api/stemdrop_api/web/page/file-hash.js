// The sha256 of files, one at a time, so that several don't compete for the disk.

import { Failure } from "./errors.js";

let last = Promise.resolve();

/**
 * Return the sha256 of a file in hex.
 * @param {File} file
 * @param {AbortSignal} signal
 */
export function sha256Of(file, signal) {
  const mine = last.then(() => hash(file, signal));
  last = mine.catch(() => {});
  return mine;
}

function hash(file, signal) {
  signal.throwIfAborted();
  const worker = new Worker(new URL("./file-hash-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.addEventListener("error", () => reject(new Failure("unreadable")));
    worker.addEventListener("message", ({ data: { sha256 } }) => {
      if (sha256) resolve(sha256);
      else reject(new Failure("unreadable"));
    });
    worker.postMessage(file);
  }).finally(() => worker.terminate());
}
