// The ids and file names of this browser's songs, and what the user has set for each, in the local storage.
//
// A song that the user deletes keeps its entry, marked, until the server has deleted it: a page that
// is closed, or has lost its connection, leaves the deletion to the next visit.

const STORAGE_KEY = "stemdrop.songs";
const SETTINGS_PREFIX = "stemdrop.settings.";

/** Return all songs, the newest first. */
export const loadSongs = () => loadEntries().filter(({ deleted }) => !deleted);

/** Return the ids of the songs whose deletion isn't complete. */
export const loadDeletedIds = () =>
  loadEntries()
    .filter(({ deleted }) => deleted)
    .map(({ id }) => id);

/**
 * Add a song, or move it to the front.
 * @param {{id: string, name: string, folder: string, added_ms: number}} song
 */
export function saveSong({ id, name, folder, added_ms }) {
  const entry = { id, name, folder: folder || undefined, added_ms };
  store(STORAGE_KEY, [entry, ...loadEntries().filter((other) => other.id !== id)]);
}

/** Mark a song as deleted, or not deleted anymore. */
export function markDeleted(id, deleted) {
  store(STORAGE_KEY, loadEntries().map((entry) => (entry.id === id ? { ...entry, deleted: deleted || undefined } : entry)));
}

/** Remove a song and its settings. */
export function removeSong(id) {
  store(SETTINGS_PREFIX + id, null);
  store(STORAGE_KEY, loadEntries().filter((song) => song.id !== id));
}

function loadEntries() {
  try {
    const entries = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return entries.filter(({ id, name }) => /^[0-9a-f]{32}$/.test(id) && typeof name === "string");
  } catch {
    return [];
  }
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
