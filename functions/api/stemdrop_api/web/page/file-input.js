// Files that the user chooses, drops or pastes, and their validation.

import { byId } from "./dom.js";
import { droppedFiles, filesOfFolder } from "./folder-files.js";
import { formatSize } from "./format.js";

const MEDIA_EXTENSIONS =
  /\.(aac|ac3|aif|aiff|alac|amr|ape|au|avi|caf|dts|flac|flv|m4a|m4b|m4v|mka|mkv|mov|mp2|mp3|mp4|mpeg|mpg|oga|ogg|ogv|opus|tta|wav|weba|webm|wma|wmv|wv)$/i;

/**
 * Listen for files.
 * @param {(files: File[], isComplete: boolean) => void} onFiles Receives files, and whether these are
 *   all files of a folder.
 */
export function listenForFiles(onFiles) {
  const input = byId("file-input");
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that choosing the same file again fires the event
    onFiles(files, true);
  });
  const folderInput = byId("folder-input");
  byId("folder-label").hidden = !("webkitdirectory" in folderInput);
  folderInput.addEventListener("change", () => {
    const { files, isComplete } = filesOfFolder([...folderInput.files]);
    folderInput.value = "";
    onFiles(files, isComplete);
  });
  const page = document.documentElement;
  const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  let depth = 0;
  const changeDepth = (change) => {
    depth = Math.max(0, depth + change);
    page.classList.toggle("dragging", depth > 0);
  };
  page.addEventListener("dragenter", (event) => hasFiles(event) && changeDepth(1));
  page.addEventListener("dragleave", (event) => hasFiles(event) && changeDepth(-1));
  page.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  page.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    changeDepth(-depth);
    const { files, isComplete } = await droppedFiles(event.dataTransfer);
    onFiles(files, isComplete);
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) onFiles([...clipboardData.files], true);
  });
}

/** Return whether a file is audio or video, by its type or its name. */
export const isMedia = ({ name, type }) => /^(audio|video)\//.test(type) || MEDIA_EXTENSIONS.test(name);

/** Return an error message if a file can't be uploaded, or null. */
export function validateFile(file, { limits }) {
  if (!isMedia(file)) {
    return `“${file.name}” isn’t an audio or video file. Choose a song, such as an MP3, WAV, FLAC or M4A file.`;
  }
  if (file.size === 0) return `“${file.name}” is empty. Choose another file.`;
  if (file.size > limits.max_upload_bytes) {
    return (
      `“${file.name}” is larger than the limit of ${formatSize(limits.max_upload_bytes)}. ` +
      "Save it as MP3 or FLAC, which are smaller, and choose that file."
    );
  }
  return null;
}
