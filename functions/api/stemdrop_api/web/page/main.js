// The page's entry point. It asks the user for the token, and loads the other modules meanwhile.

import { forgetToken } from "./access-token.js";
import { getOptions } from "./api.js";
import { byId, setText } from "./dom.js";
import { errorMessage } from "./errors.js";
import { formatDuration, formatSize, pluralize } from "./format.js";
import { loadSongs } from "./library-storage.js";
import { retry } from "./retry.js";

async function start() {
  byId("welcome").hidden = loadSongs().length > 0;
  for (const dialog of document.querySelectorAll("dialog")) closeByButtons(dialog);
  const showError = (error) => setText(byId("notice"), errorMessage(error));
  const options = retry(getOptions, showError); // opens the dialog for the token
  document.head.append(byId("later-modules").content);
  const libraryModule = import("./song-library.js");
  const capabilities = await options;
  showLimits(capabilities);

  const { showLibrary } = await libraryModule;
  showLibrary(capabilities);
  byId("sign-out").addEventListener("click", () => {
    addEventListener("pagehide", forgetToken); // after what is sent then
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
