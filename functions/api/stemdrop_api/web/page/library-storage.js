// The ids and file names of this browser's songs, and what the user has set for each, in the local storage.
//
// A deleted song keeps its entry until the server has deleted it, so that another page can complete that.
// `deleted` is the time of the deletion while its page can undo it, then true.

const STORAGE_KEY = "stemdrop.songs";
const SETTINGS_PREFIX = "stemdrop.settings.";

/** Return all songs, the newest first. */
export const loadSongs = () => loadEntries().filter(({ deleted }) => !deleted);

/** Return the songs whose deletion isn't complete. */
export const loadDeletedSongs = () => loadEntries().filter(({ deleted }) => deleted);

/**
 * Add a song, or move it to the front.
 * @param {{id: string, name: string, folder: string, added_ms: number}} song
 */
export function saveSong({ id, name, folder, added_ms }) {
  const entry = { id, name, folder: folder || undefined, added_ms };
  store(STORAGE_KEY, [entry, ...loadEntries().filter((other) => other.id !== id)]);
}

/** Set or remove the mark `deleted` of a song. Return false if the song isn't stored, or the mark is true. */
export function markDeleted(id, deleted) {
  const entries = loadEntries();
  const entry = entries.find((other) => other.id === id && other.deleted !== true);
  if (!entry) return false;
  entry.deleted = deleted;
  store(STORAGE_KEY, entries);
  return true;
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
