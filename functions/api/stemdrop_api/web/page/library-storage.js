// The ids and file names of this browser's songs, and what the user has set for each, in the local storage.

const STORAGE_KEY = "stemdrop.songs";
const SETTINGS_PREFIX = "stemdrop.settings.";

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
  store(STORAGE_KEY, [{ id, name }, ...loadSongs().filter((song) => song.id !== id)]);
}

/** Remove a song and its settings. */
export function removeSong(id) {
  store(SETTINGS_PREFIX + id, null);
  store(STORAGE_KEY, loadSongs().filter((song) => song.id !== id));
}

/** Return the settings of a song as they were stored, or null. */
export function loadSettings(id) {
  try {
    return JSON.parse(localStorage.getItem(SETTINGS_PREFIX + id));
  } catch {
    return null;
  }
}

/** Store the settings of a song, unless it was removed. */
export function storeSettings(id, settings) {
  if (loadSongs().some((song) => song.id === id)) store(SETTINGS_PREFIX + id, settings);
}

function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Without local storage, the page keeps the songs and settings of this visit only.
  }
}
