// The parts of the page for signed-in users: adding songs, the list of songs, and the keys.

import { byId } from "./dom.js";
import { listenForFiles } from "./file-input.js";
import { listenForKeys } from "./keyboard.js";
import { loadSongs } from "./library-storage.js";
import { OptionsForm } from "./options-form.js";
import { PendingUploads } from "./pending-uploads.js";
import { findJobs, listenForOtherSongs } from "./server-songs.js";
import { SongList } from "./song-list.js";
import { listenForLinks } from "./song-link.js";
import { Song } from "./song.js";

/**
 * Show the songs of this browser, and listen for new ones.
 * @param {object} capabilities Response of GET /options.
 */
export function showLibrary(capabilities) {
  const optionsForm = new OptionsForm(capabilities);
  let again = null; // { options, removeCard } of a song whose file is being chosen again
  const pendingUploads = new PendingUploads(capabilities, optionsForm, (songs, options) => {
    // The list has the first song at the top, and its upload is the first.
    songs.forEach((song, index) => (song.added_ms = Date.now() + songs.length - index));
    const cards = [...songs].reverse().map((song) => songList.add(song));
    songs.forEach((song) => song.separate(options));
    cards.at(-1).heading.focus();
  });
  const addFiles = (files, isComplete) => {
    pendingUploads.add(files, { ...again, isComplete });
    again = null;
  };
  const songList = new SongList(capabilities, ({ file, job }, removeCard) => {
    again = { options: job?.options, removeCard };
    if (file) addFiles([file]);
    else byId("file-input").click();
  });
  byId("file-input").addEventListener("cancel", () => (again = null));
  listenForFiles(addFiles);
  const stored = loadSongs();
  const listedJobs = stored.length > 1 ? findJobs(stored.map(({ id }) => id)) : Promise.resolve(new Map());
  for (const entry of stored.reverse()) {
    songList.add(Song.fromLibrary(entry, capabilities.url_lifetime_s, listedJobs));
  }
  listenForOtherSongs(songList, capabilities);
  listenForLinks(songList, capabilities);
  listenForKeys(() => songList.openPlayer);
}
