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
    for (const song of [...songs].reverse()) {
      const card = songList.add(song);
      song.separate(options);
      card.heading.focus();
    }
  });
  const songList = new SongList(capabilities, (song) => {
    if (song.file) pendingUploads.add([song.file], song.job?.options);
    else nextOptions = song.job?.options ?? null;
    if (!song.file) byId("file-input").click();
  });
  listenForFiles((files) => {
    pendingUploads.add(files, nextOptions);
    nextOptions = null;
  });
  for (const stored of loadSongs().reverse()) {
    songList.add(Song.fromLibrary(stored, capabilities.url_lifetime_s));
  }
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
