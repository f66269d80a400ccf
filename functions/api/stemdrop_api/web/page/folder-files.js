// The songs in dropped or chosen folders.

const MAX_FILES = 500;
const SYSTEM_FILES = /^(\.|~|desktop\.ini$|thumbs\.db$|__macosx$)/i;

const folders = new WeakMap();

/** Return the folder of a file, such as "Album/CD 1", or "" for a file that was chosen alone. */
export const folderOf = (file) =>
  folders.get(file) ?? file.webkitRelativePath.split("/").slice(0, -1).join("/");

/** Return whether a file came with its folder, so that other files of it may be something else. */
export const isFromFolder = (file) => folderOf(file) !== "";

/**
 * Return at most 500 files of a chosen folder, in order, without the system's own.
 * @returns {{files: File[], isComplete: boolean}}
 */
export function filesOfFolder(chosen) {
  const files = chosen
    .filter(({ webkitRelativePath }) => !webkitRelativePath.split("/").some((part) => SYSTEM_FILES.test(part)))
    .sort((a, b) => compareNames(a.webkitRelativePath, b.webkitRelativePath));
  return { files: files.slice(0, MAX_FILES), isComplete: files.length <= MAX_FILES };
}

/**
 * Return the dropped files, and at most 500 files of the dropped folders and all folders in them.
 * @param {DataTransfer} dataTransfer It is empty after the event, so call this in the listener.
 * @returns {Promise<{files: File[], isComplete: boolean}>}
 */
export async function droppedFiles(dataTransfer) {
  const items = [...dataTransfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return { files: [...dataTransfer.files], isComplete: true };
  const found = { files: [], isComplete: true };
  for (const entry of entries) if (entry) await addFiles(entry, "", found);
  return found;
}

async function addFiles(entry, folder, found) {
  if (folder && SYSTEM_FILES.test(entry.name)) return;
  if (found.files.length === MAX_FILES) found.isComplete = false;
  if (!found.isComplete) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file === null) return; // it was moved or can't be read
    if (folder) folders.set(file, folder);
    found.files.push(file);
    return;
  }
  const path = folder ? `${folder}/${entry.name}` : entry.name;
  const children = (await readEntries(entry)).sort((a, b) => compareNames(a.name, b.name));
  for (const child of children) await addFiles(child, path, found);
}

/** Return all entries of a folder. A reader returns a hundred at a time. */
async function readEntries(directory) {
  const reader = directory.createReader();
  const entries = [];
  for (;;) {
    const batch = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (batch.length === 0) return entries;
    entries.push(...batch);
  }
}

const compareNames = new Intl.Collator("en-US", { numeric: true }).compare;
