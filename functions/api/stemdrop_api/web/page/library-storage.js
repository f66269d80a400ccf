// The ids and file names of this browser's songs, in the local storage.

const STORAGE_KEY = "stemdrop.songs";

/** Return all songs, the newest first. */
export function loadSongs() {
  try {
    const songs = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return songs.filter(({ id, name }) => /^[0-9a-f]{32}$/.test(id) && typeof name === "string");
  } catch {
    return [];
  }
}

/** Add a song, or move it to the front. */
export function saveSong(id, name) {
  store([{ id, name }, ...loadSongs().filter((song) => song.id !== id)]);
}

/** Remove a song. */
export function removeSong(id) {
  store(loadSongs().filter((song) => song.id !== id));
}

function store(songs) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(songs));
  } catch {
    // Without local storage, the page shows the songs of this visit only.
  }
}
