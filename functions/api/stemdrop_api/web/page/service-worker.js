// The service worker, so that the page opens without a connection. It caches the page's own files
// only: never a song, a stem or a response of the API, and no request that carries a token.

const [, base, version] = location.pathname.match(/^(.*\/)page\/([^/]+)\//);
const PREFIX = `stemdrop ${base} `; // other stacks can have the same origin
const CACHE = PREFIX + version;
const FILES = `${base}page/${version}/`;

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin || request.headers.has("Authorization")) return;
  if (pathname === base && request.mode === "navigate") event.respondWith(fetchPage(request));
  else if (pathname.startsWith(FILES)) event.respondWith(readFile(request));
});

/** Cache the page, and every file that it names. */
async function install() {
  const page = await fetch(base, { cache: "no-cache", credentials: "omit" });
  const names = new Set((await page.clone().text()).match(/page\/[^"/]+\/[^"/]+/g));
  if (![...names].every((name) => `${base}${name}`.startsWith(FILES))) return; // of a newer version
  const cache = await caches.open(CACHE);
  await cache.addAll([...names].map((name) => `${base}${name}`));
  await cache.put(base, page);
  await skipWaiting();
}

/** Delete the caches of other versions. */
async function activate() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await clients.claim();
}

/** Return the page from the server, or the cached one without a connection. */
async function fetchPage(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const cached = await caches.match(base, { cacheName: CACHE });
    if (cached) return cached;
    throw error;
  }
}

/** Return a file of this version, which never changes, from the cache. */
async function readFile(request) {
  const cached = await caches.match(request, { cacheName: CACHE, ignoreVary: true });
  if (cached) return cached;
  const response = await fetch(request);
  if (response.ok && response.headers.get("Cache-Control").includes("immutable")) {
    const cache = await caches.open(CACHE);
    await cache.put(request, response.clone());
  }
  return response;
}
