// The upload to a presigned URL. It uses XMLHttpRequest because fetch reports no progress.

import { AppError } from "./errors.js";

/**
 * Upload a file.
 * @param {{method: string, url: string, headers: Object<string, string>}} target
 * @param {File} file
 * @param {(fraction: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export function uploadFile(target, file, onProgress, signal) {
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new AppError(request.status >= 500 ? "busy" : "upload_refused"));
    });
    request.addEventListener("error", () => reject(new AppError("offline")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    request.open(target.method, target.url);
    for (const [name, value] of Object.entries(target.headers)) request.setRequestHeader(name, value);
    request.send(file.slice()); // without a type, so that the browser adds no Content-Type
  });
}
