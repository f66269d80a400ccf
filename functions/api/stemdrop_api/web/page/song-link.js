// Links to a song with settings. They are in the fragment of the page's address, which browsers don't send.

import { getJob } from "./api.js";
import { byId, setText } from "./dom.js";
import { AppError, errorMessage } from "./errors.js";
import { storeSettings } from "./library-storage.js";
import { retry } from "./retry.js";
import { parseSettings } from "./song-settings.js";
import { Song } from "./song.js";

const MAX_LENGTH = 20_000;

/** Return the address of this page with a song and its settings. */
export function createLink(id, settings) {
  const bytes = new TextEncoder().encode(JSON.stringify(settings));
  const base64 = btoa(String.fromCharCode(...bytes));
  const encoded = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${location.origin}${location.pathname}#song=${id}&settings=${encoded}`;
}

/**
 * Return the song's id and the settings of a fragment. The settings aren't checked, and null if there are none.
 * @throws {AppError} The link is damaged.
 */
export function parseLink(fragment) {
  const parameters = new URLSearchParams(fragment.slice(1, MAX_LENGTH + 1));
  const id = parameters.get("song");
  if (!/^[0-9a-f]{32}$/.test(id) || fragment.length > MAX_LENGTH) throw new AppError("damaged_link");
  const encoded = parameters.get("settings");
  if (encoded === null) return { id, settings: null };
  try {
    const base64 = encoded.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return { id, settings: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch {
    throw new AppError("damaged_link");
  }
}

/** Open the song of the page's address, now and whenever the address changes. */
export function listenForLinks(songList, capabilities) {
  const open = async () => {
    const { hash, pathname, search } = location;
    if (!hash.startsWith("#song=")) return;
    history.replaceState(null, "", pathname + search); // a reload keeps later changes
    const showError = (error) => setText(byId("notice"), errorMessage(error, capabilities));
    showError(null);
    try {
      const { id, settings } = parseLink(hash);
      const { job } = await retry(() => getJob(id), showError);
      const isKnown = songList.ids.includes(id);
      const song = isKnown ? null : Song.fromJob(job, capabilities.url_lifetime_s);
      if (settings && job.stems.length > 0) {
        const stems = job.stems.map(({ stem }) => stem);
        songList.close(); // or else the player stores its own settings
        storeSettings(id, parseSettings(settings, stems, job.stems[0].duration_s));
      }
      songList.open(id, () => song);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      showError(error.code === "not_found" ? new AppError("link_not_found") : error);
    }
  };
  addEventListener("hashchange", open);
  open();
}
