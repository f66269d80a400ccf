// The page begins here.

import { showOptions } from "./api.js";
import { Choices } from "./options-form.js";
import { setText, the } from "./dom.js";
import { sentence } from "./errors.js";
import { listen } from "./file-input.js";
import { limit, megabytes, plural } from "./format.js";
import * as shelf from "./library-storage.js";
import { Song } from "./song.js";
import { Songs } from "./song-list.js";
import { Staging } from "./pending-uploads.js";
import { persist } from "./retry.js";

// What Space does something to by itself; everywhere else it plays and stops.
const TAKES_SPACE = "button, select, textarea, summary, a, [type=text], [type=password], [type=number], " +
  "[type=checkbox], [type=radio], [type=file]";

async function start() {
  for (const dialog of document.querySelectorAll("dialog")) answerByButtons(dialog);
  const trouble = (failure) => setText(the("notice"), failure ? sentence(failure) : "");
  const offer = await persist(showOptions, trouble);
  const { max_upload_bytes: bytes, max_duration_s: seconds } = offer.limits;
  setText(the("retention"), `Songs and stems are deleted by themselves after ${plural(offer.retention_days, "day")}.`);
  setText(the("limits"), `Up to ${megabytes(bytes)} and ${limit(seconds)}. Any format, also videos.`);

  const choices = new Choices(offer);
  let optionsOfNext = null;
  const staging = new Staging(offer, choices, (chosen, options) => {
    for (const song of [...chosen].reverse()) {
      const card = songs.add(song);
      song.separate(options);
      card.heading.focus();
    }
  });
  const songs = new Songs(offer, (song) => {
    if (song.file) staging.add([song.file], song.job?.options);
    else optionsOfNext = song.job?.options ?? null;
    if (!song.file) the("picker").click();
  });
  listen((files) => {
    staging.add(files, optionsOfNext);
    optionsOfNext = null;
  });
  for (const kept of shelf.songs().reverse()) songs.add(Song.kept(kept, offer.url_lifetime_s));
  addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.closest(TAKES_SPACE) || document.querySelector("dialog[open]")) return;
    if (songs.toggle()) event.preventDefault();
  });
  the("choose").hidden = false;
  document.documentElement.dataset.ready = "";
}

/** A dialog's form is never sent; its buttons say how it ends. */
function answerByButtons(dialog) {
  for (const button of dialog.querySelectorAll("[data-answer]")) {
    button.addEventListener("click", () => dialog.close(button.dataset.answer));
  }
}

start().catch((failure) => {
  setText(the("notice"), sentence(failure));
  throw failure;
});
