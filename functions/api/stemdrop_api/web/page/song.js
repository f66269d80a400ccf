// The state of one song, from hashing and upload to its stems, and across reloads.

import { createJob, deleteJob, getJob } from "./api.js";
import { AppError } from "./errors.js";
import { hashFile } from "./file-hash.js";
import { removeSong, saveSong } from "./library-storage.js";
import { delay, retry } from "./retry.js";
import { uploadFile } from "./upload.js";

// Ids of this tab's unfinished uploads. They tell an upload that a reload interrupted from a queued
// song: both have the status awaiting_upload.
const UPLOADS_KEY = "stemdrop.uploading";
const URL_MARGIN_S = 60;

// crypto.randomUUID exists only on pages with https.
const createKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * A song. It dispatches "change" after every change.
 *
 * state: loading, reading, uploading, waiting, processing, done, failed, interrupted or gone.
 * error: Error that ended the song. transientError: Error that is being retried.
 * uploadedFraction: Number from 0 to 1. job: Response of GET /jobs/<id>.
 */
export class Song extends EventTarget {
  id = null;
  file = null;
  job = null;
  error = null;
  transientError = null;
  uploadedFraction = 0;
  #hash = null;
  #etag = null;
  #receivedAt_ms = 0;
  #refresh = null;
  #abortController = new AbortController();

  constructor(name, url_lifetime_s) {
    super();
    this.name = name;
    this.state = "loading";
    this.url_lifetime_s = url_lifetime_s;
  }

  /** Return a song for a chosen file, and start hashing it. */
  static fromFile(file, url_lifetime_s) {
    const song = new Song(file.name, url_lifetime_s);
    song.file = file;
    song.state = "reading";
    song.#hash = hashFile(file, song.#abortController.signal);
    song.#hash.catch(() => {});
    return song;
  }

  /** Return a song of an earlier visit, and start polling its job. */
  static fromLibrary({ id, name }, url_lifetime_s) {
    const song = new Song(name, url_lifetime_s);
    song.id = id;
    song.#run(() => song.#poll());
    return song;
  }

  get isUploading() {
    return this.state === "reading" || this.state === "uploading";
  }

  /** Upload the song and separate it. */
  separate(options) {
    this.#run(async () => {
      const sha256 = await this.#hash;
      await this.#submit({ ...options, filename: this.name, size_bytes: this.file.size, sha256 });
      await this.#poll();
    });
  }

  /** Stop all work, and remove the song from this browser. */
  discard() {
    this.#abortController.abort();
    if (this.id !== null) removeSong(this.id);
    setUploading(this.id, false);
  }

  /** Delete the song from the server, and discard it. */
  async delete() {
    if (this.id !== null) await deleteJob(this.id);
    this.discard();
  }

  /** Return the job with presigned URLs that are still valid. `force` replaces them anyway. */
  async refreshJob({ force = false } = {}) {
    const age_s = (Date.now() - this.#receivedAt_ms) / 1000;
    if (!force && age_s < this.url_lifetime_s - URL_MARGIN_S && age_s >= 0) return this.job;
    this.#refresh ??= getJob(this.id, null, this.#abortController.signal)
      .then(({ job, etag }) => this.#setJob(job, etag))
      .catch((error) => {
        if (error.code === "not_found") this.#fail(error);
        throw error;
      })
      .finally(() => {
        this.#refresh = null;
      });
    await this.#refresh;
    return this.job;
  }

  async #submit(request) {
    for (;;) {
      const { signal } = this.#abortController;
      const key = createKey();
      const job = await this.#retry(() => createJob(request, key, signal));
      this.id = job.id;
      saveSong(job.id, this.name);
      this.#setJob(job, null);
      if (job.upload === null || (await this.#upload(job.upload))) return;
      // The upload URL has expired. A new job gets a new one.
      removeSong(job.id);
      await this.#retry(() => deleteJob(job.id));
    }
  }

  /** Upload the file. Return false if the presigned URL has expired. */
  async #upload(target) {
    setUploading(this.id, true);
    this.#setState("uploading");
    const expiresAt_ms = Date.now() + 1000 * this.url_lifetime_s;
    const onProgress = (fraction) => {
      this.uploadedFraction = fraction;
      this.#dispatchChange();
    };
    try {
      await this.#retry(async () => {
        if (Date.now() > expiresAt_ms) throw new AppError("upload_expired");
        await this.file.slice(0, 1).arrayBuffer().catch(() => {
          throw new AppError("unreadable");
        });
        await uploadFile(target, this.file, onProgress, this.#abortController.signal);
      });
    } catch (error) {
      if (this.#abortController.signal.aborted) throw error; // delete() deletes the job
      const isExpired = error.code === "upload_refused" && Date.now() > expiresAt_ms;
      if (isExpired || error.code === "upload_expired") return false;
      removeSong(this.id); // there is nothing on the server to return to
      deleteJob(this.id).catch(() => {});
      throw error;
    } finally {
      if (!this.#abortController.signal.aborted) setUploading(this.id, false);
    }
    this.#setState("waiting");
    return true;
  }

  async #poll() {
    for (;;) {
      const { signal } = this.#abortController;
      const { job, etag, retryAfter_s } = await this.#retry(() => getJob(this.id, this.#etag, signal));
      if (job) this.#setJob(job, etag);
      if (this.state === "interrupted" || this.job.finished_at !== null) return;
      await delay(retryAfter_s, signal);
    }
  }

  #setJob(job, etag) {
    this.job = job;
    this.#etag = etag;
    this.#receivedAt_ms = Date.now();
    this.error = job.error;
    this.#setState(this.#stateOf(job));
  }

  #stateOf(job) {
    if (job.status !== "awaiting_upload") return job.status;
    const isInterrupted = this.file === null && loadUploading().includes(this.id);
    return isInterrupted ? "interrupted" : "waiting";
  }

  #retry(operation) {
    const onTransientError = (error) => {
      if (error === null && this.transientError === null) return;
      this.transientError = error;
      this.#dispatchChange();
    };
    return retry(operation, onTransientError, this.#abortController.signal);
  }

  #run(operation) {
    operation().catch((error) => {
      if (this.#abortController.signal.aborted) return;
      if (!(error instanceof AppError)) throw error;
      this.#fail(error);
    });
  }

  #fail(error) {
    this.error = error;
    this.transientError = null;
    if (error.code === "not_found") removeSong(this.id);
    this.#setState(error.code === "not_found" ? "gone" : "failed");
  }

  #setState(state) {
    this.state = state;
    this.#dispatchChange();
  }

  #dispatchChange() {
    this.dispatchEvent(new Event("change"));
  }
}

function loadUploading() {
  return JSON.parse(sessionStorage.getItem(UPLOADS_KEY) ?? "[]");
}

function setUploading(id, isUploading) {
  const others = loadUploading().filter((other) => other !== id);
  sessionStorage.setItem(UPLOADS_KEY, JSON.stringify(isUploading ? [...others, id] : others));
}
