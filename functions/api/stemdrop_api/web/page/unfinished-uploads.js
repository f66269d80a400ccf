// Ids of this tab's unfinished uploads. They tell an upload that a reload interrupted from a queued
// song: both have the status awaiting_upload.

const STORAGE_KEY = "stemdrop.uploading";

const load = () => JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "[]");

/** Return whether the upload of a song has begun in this tab, and hasn't ended. */
export const isUnfinished = (id) => load().includes(id);

/** Note that an upload begins or ends. */
export function setUnfinished(id, unfinished) {
  const others = load().filter((other) => other !== id);
  sessionStorage.setItem(STORAGE_KEY, JSON.stringify(unfinished ? [...others, id] : others));
}
