// A song's way to S3, by the URL that the API has signed. fetch can't tell how far it has come.

import { Failure } from "./errors.js";

/**
 * Send a file.
 * @param {{method: string, url: string, headers: Object<string, string>}} to
 * @param {File} file
 * @param {(share: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export function upload(to, file, onProgress, signal) {
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    const stop = () => request.abort();
    signal.addEventListener("abort", stop);
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Failure(request.status >= 500 ? "busy" : "upload_refused"));
    });
    request.addEventListener("error", () => reject(new Failure("offline")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    request.open(to.method, to.url);
    for (const [name, value] of Object.entries(to.headers)) request.setRequestHeader(name, value);
    request.send(file.slice()); // without a type, so the browser adds no Content-Type
  });
}
