// Results go to the disk by the browser's own download, from a URL that was just seen to work:
// otherwise an error of S3's would take the place of the page.

import { make } from "./dom.js";
import { Failure } from "./errors.js";

/**
 * Return a link that saves a file of a song.
 * @param {Song} song
 * @param {(job: object) => {url: string, filename: string}} fileOf finds the file in a job.
 * @param {string} text
 * @param {(failure: Failure|null) => void} onFailure
 */
export function saveLink(song, fileOf, text, onFailure) {
  const { url, filename } = fileOf(song.job);
  const link = make("a.button", { href: url, download: filename }, text);
  link.addEventListener("click", async (event) => {
    if (!event.isTrusted) return; // the click below
    event.preventDefault();
    try {
      link.href = await goodUrl(song, fileOf);
      onFailure(null);
      link.click();
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      onFailure(failure);
    }
  });
  return link;
}

async function goodUrl(song, fileOf) {
  for (const anew of [false, true]) {
    const { url } = fileOf(await song.fresh({ anew }));
    const headers = { Range: "bytes=0-0" };
    const response = await fetch(url, { headers, credentials: "omit" }).catch(() => {
      throw new Failure("offline");
    });
    if (response.ok) return url;
    if (response.status >= 500) throw new Failure("busy");
  }
  throw new Failure("not_found");
}
