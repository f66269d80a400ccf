// The page's entry point.

import { forgetToken } from "./access-token.js";
import { getOptions } from "./api.js";
import { byId, setText } from "./dom.js";
import { errorMessage } from "./errors.js";
import { listenForFiles } from "./file-input.js";
import { formatDuration, formatSize, pluralize } from "./format.js";
import { listenForKeys } from "./keyboard.js";
import { loadSongs } from "./library-storage.js";
import { OptionsForm } from "./options-form.js";
import { PendingUploads } from "./pending-uploads.js";
import { retry } from "./retry.js";
import { findJobs, listenForOtherSongs } from "./server-songs.js";
import { SongList } from "./song-list.js";
import { listenForLinks } from "./song-link.js";
import { Song } from "./song.js";

async function start() {
  byId("welcome").hidden = loadSongs().length > 0;
  for (const dialog of document.querySelectorAll("dialog")) closeByButtons(dialog);
  const showError = (error) => setText(byId("notice"), error ? errorMessage(error) : "");
  const capabilities = await retry(getOptions, showError);
  showLimits(capabilities);

  const optionsForm = new OptionsForm(capabilities);
  let nextOptions = null;
  const pendingUploads = new PendingUploads(capabilities, optionsForm, (songs, options) => {
    // The list has the first song at the top, and its upload is the first.
    songs.forEach((song, index) => (song.added_ms = Date.now() + songs.length - index));
    const cards = [...songs].reverse().map((song) => songList.add(song));
    songs.forEach((song) => song.separate(options));
    cards.at(-1).heading.focus();
  });
  const songList = new SongList(capabilities, (song) => {
    if (song.file) pendingUploads.add([song.file], { options: song.job?.options });
    else nextOptions = song.job?.options ?? null;
    if (!song.file) byId("file-input").click();
  });
  listenForFiles((files, isComplete) => {
    pendingUploads.add(files, { options: nextOptions, isComplete });
    nextOptions = null;
  });
  const stored = loadSongs();
  const listedJobs = stored.length > 1 ? findJobs(stored.map(({ id }) => id)) : Promise.resolve(new Map());
  for (const entry of stored.reverse()) {
    songList.add(Song.fromLibrary(entry, capabilities.url_lifetime_s, listedJobs));
  }
  listenForOtherSongs(songList, capabilities);
  listenForLinks(songList, capabilities);
  listenForKeys(() => songList.openPlayer);
  byId("sign-out").addEventListener("click", () => {
    forgetToken();
    location.reload();
  });
  for (const id of ["upload", "help-button", "sign-out"]) byId(id).hidden = false;
  document.documentElement.dataset.ready = "";
  registerServiceWorker();
}

function showLimits({ limits, retention_days }) {
  const size = formatSize(limits.max_upload_bytes);
  const duration = formatDuration(limits.max_duration_s);
  setText(byId("limits"), `Any audio or video format, up to ${size} and ${duration}.`);
  setText(
    byId("retention"),
    `Songs and stems are deleted automatically after ${pluralize(retention_days, "day")}.`,
  );
}

/** Close a dialog by its buttons, without submitting a form. */
function closeByButtons(dialog) {
  for (const button of dialog.querySelectorAll("[data-return-value]")) {
    button.addEventListener("click", () => dialog.close(button.dataset.returnValue));
  }
}

/** Let the page open without a connection. Browsers have no service worker without https. */
function registerServiceWorker() {
  const script = new URL("./service-worker.js", import.meta.url);
  navigator.serviceWorker?.register(script, { scope: "./" }).catch(() => {}); // as in a private window
}

start().catch((error) => {
  setText(byId("notice"), errorMessage(error));
  throw error;
});
