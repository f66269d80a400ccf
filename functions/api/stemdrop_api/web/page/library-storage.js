// The songs of this browser: their ids and names, nothing else.

const PLACE = "stemdrop.songs";

/** Return the songs, the newest first. */
export function songs() {
  try {
    const found = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return found.filter(({ id, name }) => /^[0-9a-f]{32}$/.test(id) && typeof name === "string");
  } catch {
    return [];
  }
}

/** Remember a song. */
export function keep(id, name) {
  write([{ id, name }, ...songs().filter((song) => song.id !== id)]);
}

/** Forget a song. */
export function forget(id) {
  write(songs().filter((song) => song.id !== id));
}

function write(all) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(all));
  } catch {
    // A browser that keeps nothing shows the songs of this visit.
  }
}
