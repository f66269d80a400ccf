// A song's way to S3, by the form that the API has signed. fetch can't tell how far it has come.

import { Failure } from "./failures.js";

/**
 * Send a file.
 * @param {{url: string, fields: Object<string, string>}} form
 * @param {File} file
 * @param {(share: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export function upload(form, file, onProgress, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", file); // S3 reads nothing that comes after it
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
    request.open("POST", form.url);
    request.send(body);
  });
}
