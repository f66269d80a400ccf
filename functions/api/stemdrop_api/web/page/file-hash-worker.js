// A worker that hashes one file as a stream, without blocking the page.

import { Sha256 } from "./sha256.js";

addEventListener("message", async ({ data: file }) => {
  const hash = new Sha256();
  try {
    const reader = file.stream().getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) hash.update(chunk.value);
    postMessage({ sha256: hash.hexDigest() });
  } catch {
    postMessage({ sha256: null });
  }
});
