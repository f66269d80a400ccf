// The API's client.
//
// Names: a JSON field keeps its name everywhere (`duration_s`, `size_bytes`, `url_lifetime_s`), as in
// Python. All other names are camelCase, with the unit at the end (`retryAfter_s`, `clock_frames`).

import { requestToken, storedToken } from "./access-token.js";
import { AppError, errorMessage, orOffline } from "./errors.js";

const BUSY_STATUSES = new Set([429, 502, 503, 504]);

/** Return what the server can do: its models, codecs, defaults and limits. */
export const getOptions = () => callForJson("GET", "options");

/** Create a job; the same request with the same key gives the same job. */
export const createJob = (request, idempotencyKey, signal) =>
  callForJson("POST", "jobs", { body: request, idempotencyKey, signal });

/** Return a page of the caller's jobs, the newest first, and the cursor of the next page. */
export const listJobs = (cursor) => callForJson("GET", `jobs?limit=50${cursor ? `&cursor=${cursor}` : ""}`);

/**
 * Delete a job from the server. A job that no longer exists counts as deleted.
 * @param {{keepalive: boolean}} [request] `keepalive` completes the request after the page is left.
 */
export async function deleteJob(id, request) {
  try {
    await call("DELETE", `jobs/${id}`, request);
  } catch (error) {
    if (error.code !== "not_found") throw error;
  }
}

/**
 * Return a job.
 * @returns {Promise<{job: object|null, etag: string, retryAfter_s: number}>} The job is null if it
 *   still has the given etag.
 */
export async function getJob(id, etag, signal) {
  const response = await call("GET", `jobs/${id}`, { etag, signal });
  return {
    job: response.status === 304 ? null : await orOffline(response.json()),
    etag: response.headers.get("ETag"),
    retryAfter_s: Number(response.headers.get("Retry-After") ?? 2),
  };
}

const callForJson = async (...request) => orOffline((await call(...request)).json());

async function call(method, path, request = {}) {
  let token = storedToken() ?? (await requestToken(null));
  for (;;) {
    const response = await send(method, path, token, request);
    if (response.ok || response.status === 304) return response;
    if (response.status !== 401) throw await toAppError(response);
    token = await requestToken(token, errorMessage({ code: "unauthorized" }));
  }
}

function send(method, path, token, { body, etag, idempotencyKey, signal, keepalive }) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-None-Match"] = etag;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const options = { method, headers, signal, keepalive, body: body && JSON.stringify(body) };
  return orOffline(fetch(path, { ...options, cache: "no-store", credentials: "omit" }));
}

async function toAppError(response) {
  const problem = await response.json().catch(() => ({}));
  const retryAfter_s = Number(response.headers.get("Retry-After")) || null;
  if (BUSY_STATUSES.has(response.status)) return new AppError("busy", problem.detail, retryAfter_s);
  return new AppError(problem.code ?? "internal_error", problem.detail, retryAfter_s);
}
