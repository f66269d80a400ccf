// Files of a job, which the browser requests from S3 by presigned URLs.

import { AppError, orOffline } from "./errors.js";

/**
 * Request a file, and return its bytes, or what `read` reads from the response. A rejected URL is replaced once.
 * @param {(force: boolean) => Promise<string>} getUrl Returns a presigned URL, a new one if forced.
 * @param {object} [options] `read`, and options of `fetch`.
 */
export async function fetchFile(getUrl, { read = (response) => response.arrayBuffer(), ...options } = {}) {
  const expectedStatus = options.headers?.Range ? 206 : 200;
  for (const force of [false, true]) {
    const response = await orOffline(fetch(await getUrl(force), { ...options, credentials: "omit" }));
    if (response.status === expectedStatus) return orOffline(read(response));
    if (response.status >= 500) throw new AppError("busy");
  }
  throw new AppError("not_found"); // rejected with a new URL as well
}
