// A worker that hashes one file, as it comes from the disk, while the page goes on.

import { Sha256 } from "./sha256.js";

addEventListener("message", async ({ data: file }) => {
  const hash = new Sha256();
  try {
    const reader = file.stream().getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) hash.add(part.value);
    postMessage({ sha256: hash.finish() });
  } catch {
    postMessage({ sha256: null });
  }
});
