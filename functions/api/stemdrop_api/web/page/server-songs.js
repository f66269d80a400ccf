// The songs that the server has of this user, from this browser and others.

import { listJobs } from "./api.js";
import { announce, byId, setText } from "./dom.js";
import { AppError, errorMessage } from "./errors.js";
import { pluralize } from "./format.js";
import { loadDeletedSongs, loadSongs } from "./library-storage.js";
import { Song } from "./song.js";

// A job that awaits its upload may have been given up.
const SHOWN_STATUSES = new Set(["processing", "done"]);

/** Return the jobs with these ids, as far as the server lists them. Errors are left to single requests. */
export async function findJobs(ids) {
  const found = new Map();
  const missing = new Set(ids);
  try {
    for await (const job of allJobs()) {
      if (missing.delete(job.id)) found.set(job.id, job);
      if (missing.size === 0) break;
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  return found;
}

/**
 * Let the user add the songs of other devices to the list.
 * @param {SongList} songList
 * @param {object} capabilities Response of GET /options.
 */
export function listenForOtherSongs(songList, capabilities) {
  const button = byId("other-songs");
  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(byId("other-songs-status"), "Looking for songs…");
    try {
      const count = await addOtherSongs(songList, capabilities.url_lifetime_s);
      const message = count ? `${pluralize(count, "more song")} found.` : "There are no other songs.";
      setText(byId("other-songs-status"), message);
      announce(message);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      setText(byId("other-songs-status"), errorMessage(error, capabilities));
    }
    button.disabled = false;
  });
}

async function addOtherSongs(songList, url_lifetime_s) {
  const jobs = [];
  for await (const job of allJobs()) if (SHOWN_STATUSES.has(job.status)) jobs.push(job);
  const known = new Set([...[...loadSongs(), ...loadDeletedSongs()].map(({ id }) => id), ...songList.ids]);
  const others = jobs.filter(({ id }) => !known.has(id));
  for (const job of others.reverse()) songList.add(Song.fromJob(job, url_lifetime_s));
  return others.length;
}

async function* allJobs() {
  let cursor = null;
  do {
    const page = await listJobs(cursor);
    yield* page.jobs;
    cursor = page.next_cursor;
  } while (cursor !== null);
}
