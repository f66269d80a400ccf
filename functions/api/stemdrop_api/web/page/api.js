// The API's client.
//
// Names: a JSON field keeps its name everywhere (`duration_s`, `size_bytes`, `url_lifetime_s`), as in
// Python. All other names are camelCase, with the unit at the end (`retryAfter_s`, `clock_frames`).

import { requestToken, storedToken } from "./access-token.js";
import { AppError, errorMessage } from "./errors.js";

const BUSY_STATUSES = new Set([429, 502, 503, 504]);

/** Return what the server can do: its models, codecs, defaults and limits. */
export const getOptions = async () => (await call("GET", "options")).json();

/** Create a job; the same request with the same key gives the same job. */
export const createJob = async (request, idempotencyKey, signal) =>
  (await call("POST", "jobs", { body: request, idempotencyKey, signal })).json();

/** Return a page of the caller's jobs, the newest first, and the cursor of the next page. */
export const listJobs = async (cursor) =>
  (await call("GET", `jobs?limit=50${cursor ? `&cursor=${cursor}` : ""}`)).json();

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
    job: response.status === 304 ? null : await response.json(),
    etag: response.headers.get("ETag"),
    retryAfter_s: Number(response.headers.get("Retry-After") ?? 2),
  };
}

async function call(method, path, request = {}) {
  let token = storedToken() ?? (await requestToken(null));
  for (;;) {
    const response = await send(method, path, token, request);
    if (response.ok || response.status === 304) return response;
    if (response.status !== 401) throw await toAppError(response);
    token = await requestToken(token, errorMessage({ code: "unauthorized" }));
  }
}

async function send(method, path, token, { body, etag, idempotencyKey, signal, keepalive }) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-None-Match"] = etag;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  try {
    return await fetch(path, {
      method,
      headers,
      signal,
      keepalive,
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new AppError("offline");
  }
}

async function toAppError(response) {
  const problem = await response.json().catch(() => ({}));
  const retryAfter_s = Number(response.headers.get("Retry-After")) || null;
  if (BUSY_STATUSES.has(response.status)) return new AppError("busy", problem.detail, retryAfter_s);
  return new AppError(problem.code ?? "internal_error", problem.detail, retryAfter_s);
}
