// Links that download a file from its presigned URL. The URL is checked first, because an error
// response from S3 would replace the page.

import { createElement } from "./dom.js";
import { AppError } from "./errors.js";
import { fetchFile } from "./presigned-file.js";

// Fields of a job with a file of all stems, and the texts of their links.
const ARCHIVES = [
  ["stem_file", "Save stem file"],
  ["zip", "Save all"],
];

/**
 * Return a link that downloads a file of a song.
 * @param {Song} song
 * @param {(job: object) => {url: string, filename: string}} findFile Finds the file in a job.
 * @param {string} text
 * @param {(error: AppError|null) => void} onError Receives an error, or null after a success.
 */
export function createDownloadLink(song, findFile, text, onError) {
  const { url, filename } = findFile(song.job);
  const link = createElement("a.button", { href: url, download: filename }, text);
  let isChecking = false;
  link.addEventListener("click", async (event) => {
    if (!event.isTrusted) return; // from link.click() below
    event.preventDefault();
    if (isChecking) return;
    isChecking = true;
    try {
      link.href = await checkedUrl(song, findFile);
      onError(null);
      link.click();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      onError(error);
    } finally {
      isChecking = false;
    }
  });
  return link;
}

/** Save a file of a song without a click on its link. See `createDownloadLink`. */
export async function saveFile(song, findFile) {
  const href = await checkedUrl(song, findFile);
  createElement("a", { href, download: findFile(song.job).filename }).click();
}

/** Return links that save the files of all stems of a song, or null if it has none. */
export function createArchiveLinks(song, onError) {
  const links = ARCHIVES.filter(([name]) => song.job[name]).map(([name, text]) =>
    createDownloadLink(song, (job) => job[name], text, onError),
  );
  links.at(-1)?.classList.add("primary");
  return links.length ? createElement("p.download-all", {}, ...links) : null;
}

function checkedUrl(song, findFile) {
  const options = { headers: { Range: "bytes=0-0" }, cache: "no-store" };
  return fetchFile(song.urlOf(findFile), { read: async ({ url }) => url, ...options });
}
