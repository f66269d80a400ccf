// The calls of the API.

import { askForToken, token } from "./access-token.js";
import { Failure, sentence } from "./errors.js";

const BUSY = new Set([429, 502, 503, 504]);

/** Tell what is offered here. */
export const showOptions = async () => (await call("GET", "options")).json();

/** Make a job. */
export const createJob = async (wanted, signal) =>
  (await call("POST", "jobs", { body: wanted, signal })).json();

/** Delete a job from the server; one that isn't there any more is what was wanted. */
export async function deleteJob(id) {
  try {
    await call("DELETE", `jobs/${id}`);
  } catch (failure) {
    if (failure.code !== "not_found") throw failure;
  }
}

/**
 * Show a job.
 * @returns {Promise<{job: object|null, etag: string, retryAfter_s: number}>} job is null if it is
 *   the one that has this etag.
 */
export async function showJob(id, etag, signal) {
  const response = await call("GET", `jobs/${id}`, { etag, signal });
  return {
    job: response.status === 304 ? null : await response.json(),
    etag: response.headers.get("ETag"),
    retryAfter_s: Number(response.headers.get("Retry-After") ?? 2),
  };
}

async function call(method, path, { body, etag, signal } = {}) {
  let credential = token() ?? (await askForToken(null));
  for (;;) {
    const response = await send(method, path, credential, { body, etag, signal });
    if (response.ok || response.status === 304) return response;
    if (response.status !== 401) throw await failureOf(response);
    credential = await askForToken(credential, sentence({ code: "unauthorized" }));
  }
}

async function send(method, path, credential, { body, etag, signal }) {
  const headers = { Authorization: `Bearer ${credential}` };
  if (body) headers["Content-Type"] = "application/json";
  if (etag) headers["If-None-Match"] = etag;
  try {
    return await fetch(path, {
      method,
      headers,
      signal,
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure("offline");
  }
}

async function failureOf(response) {
  const problem = await response.json().catch(() => ({}));
  const retryAfter_s = Number(response.headers.get("Retry-After")) || null;
  if (BUSY.has(response.status)) return new Failure("busy", problem.detail, retryAfter_s);
  return new Failure(problem.code ?? "internal_error", problem.detail, retryAfter_s);
}
