// How songs come in: chosen, dropped, pasted; and what is said of those that can't.

import { the } from "./dom.js";
import { megabytes } from "./format.js";

const SUFFIXES =
  /\.(aac|ac3|aif|aiff|alac|amr|ape|au|avi|caf|dts|flac|flv|m4a|m4b|m4v|mka|mkv|mov|mp2|mp3|mp4|mpeg|mpg|oga|ogg|ogv|opus|tta|wav|weba|webm|wma|wmv|wv)$/i;

/**
 * Tell of every song that comes in, however it does.
 * @param {(files: File[]) => void} onSongs
 */
export function listen(onSongs) {
  const picker = the("picker");
  picker.addEventListener("change", () => {
    const files = [...picker.files];
    picker.value = ""; // so that the same file can be chosen again
    onSongs(files);
  });
  const page = document.documentElement;
  const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    page.classList.toggle("dropping", depth > 0);
  };
  page.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  page.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  page.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  page.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    onSongs([...event.dataTransfer.files]);
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) onSongs([...clipboardData.files]);
  });
}

/** Return why a file can't be taken, or null if it can. */
export function objection(file, { limits }) {
  const isSound = /^(audio|video)\//.test(file.type) || SUFFIXES.test(file.name);
  if (!isSound) {
    return `“${file.name}” is neither sound nor video. Choose a song: mp3, wav, flac, m4a, ogg, mp4 …`;
  }
  if (file.size === 0) return `“${file.name}” is empty. Choose another file.`;
  if (file.size > limits.max_upload_bytes) {
    return (
      `“${file.name}” has ${megabytes(file.size)}, and at most ` +
      `${megabytes(limits.max_upload_bytes)} are taken. Save it as mp3 or flac, and choose that.`
    );
  }
  return null;
}
