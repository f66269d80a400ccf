// The state of one song, from hashing and upload to its stems, and across reloads.

import { createJob, deleteJob, getJob } from "./api.js";
import { AppError } from "./errors.js";
import { hashFile } from "./file-hash.js";
import { markDeleted, removeSong, saveSong } from "./library-storage.js";
import { delay, retry } from "./retry.js";
import { TaskQueue } from "./task-queue.js";
import { isUnfinished, setUnfinished } from "./unfinished-uploads.js";
import { uploadFile } from "./upload.js";

const URL_MARGIN_S = 60;
// More don't make the uploads faster, and each needs its upload URL before that expires.
const uploads = new TaskQueue(3);
// Songs in the queue are polled less often the more they are, within the rate limit of the API.
const POLLS_PER_SECOND = 10;
let waitingSongs = 0;

// crypto.randomUUID exists only on pages with https.
const createKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * A song. It dispatches "change" after every change.
 *
 * state: loading, queued, reading, uploading, waiting, processing, done, failed, interrupted or gone.
 * error: Error that ended the song. transientError: Error that is being retried.
 * uploadedFraction: Number from 0 to 1. job: Response of GET /jobs/<id>. folder: Folder of the file, or
 * "". added_ms: Time at which the song was added.
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
  #isMarked = false;
  #abortController = new AbortController();

  constructor(name, url_lifetime_s, { folder = "", added_ms = Date.now() } = {}) {
    super();
    this.name = name;
    this.folder = folder;
    this.added_ms = added_ms;
    this.state = "loading";
    this.url_lifetime_s = url_lifetime_s;
  }

  /** Return a song for a chosen file, and start hashing it. */
  static fromFile(file, folder, url_lifetime_s) {
    const song = new Song(file.name, url_lifetime_s, { folder });
    song.file = file;
    song.state = "reading";
    song.#hash = hashFile(file, song.#abortController.signal);
    song.#hash.catch(() => {});
    return song;
  }

  /**
   * Return a song of an earlier visit, and start polling its job.
   * @param {{id: string, name: string}} entry
   * @param {Promise<Map<string, object>>} listedJobs Jobs that needn't be requested one by one.
   */
  static fromLibrary({ id, name, ...entry }, url_lifetime_s, listedJobs) {
    const song = new Song(name, url_lifetime_s, entry);
    song.id = id;
    song.#run(async () => {
      const job = (await listedJobs).get(id);
      if (job) song.#setJob(job, null);
      if (!song.#isFinished) await song.#poll();
    });
    return song;
  }

  /** Return a song of another device, and store it in this browser. */
  static fromJob(job, url_lifetime_s) {
    const entry = { id: job.id, name: job.filename, folder: "", added_ms: Date.parse(job.created_at) };
    saveSong(entry);
    return Song.fromLibrary(entry, url_lifetime_s, Promise.resolve(new Map([[job.id, job]])));
  }

  get isUploading() {
    return ["queued", "reading", "uploading"].includes(this.state);
  }

  /** Upload the song and separate it. */
  separate(options) {
    this.#setState("queued");
    this.#run(async () => {
      await uploads.run(async () => {
        this.#setState("reading");
        const sha256 = await this.#hash;
        await this.#submit({ ...options, filename: this.name, size_bytes: this.file.size, sha256 });
      }, this.#abortController.signal);
      await this.#poll();
    });
  }

  /** Stop all work, and remove the song from this browser. */
  discard() {
    this.#abortController.abort();
    if (this.id !== null) removeSong(this.id);
    setUnfinished(this.id, false);
  }

  /** Note in this browser that the user deletes the song, or undoes that unless another page has completed it. */
  markDeleted(isDeleted) {
    const isMarked = markDeleted(this.id, isDeleted ? Date.now() : undefined);
    if (this.#isMarked && !isMarked) this.#fail(new AppError("not_found"));
    this.#isMarked = isMarked;
  }

  /** Delete the song from the server, and discard it. `keepalive` completes it after the page is left. */
  async delete({ keepalive = false } = {}) {
    if (this.id !== null) await deleteJob(this.id, { keepalive });
    this.discard();
  }

  /** Return a function that finds the presigned URL of a file in the job. See `fetchFile`. */
  urlOf(findFile) {
    return async (force) => findFile(await this.#refreshJob(force)).url;
  }

  /** Return the job with presigned URLs that are still valid. `force` replaces them anyway. */
  async #refreshJob(force) {
    const age_s = (Date.now() - this.#receivedAt_ms) / 1000;
    if (!force && age_s < this.url_lifetime_s - URL_MARGIN_S && age_s >= 0) return this.job;
    this.#refresh ??= getJob(this.id, null, this.#abortController.signal)
      .then(({ job, etag }) => this.#setJob(job, etag))
      .catch((error) => {
        if (error.code === "not_found") this.#fail(error);
        throw error;
      })
      .finally(() => (this.#refresh = null));
    await this.#refresh;
    return this.job;
  }

  async #submit(request) {
    for (;;) {
      const { signal } = this.#abortController;
      const key = createKey();
      const job = await this.#retry(() => createJob(request, key, signal));
      this.id = job.id;
      saveSong(this);
      this.#setJob(job, null);
      if (job.upload === null || (await this.#upload(job.upload))) return;
      // The upload URL has expired. A new job gets a new one.
      removeSong(job.id);
      await this.#retry(() => deleteJob(job.id));
    }
  }

  /** Upload the file. Return false if the presigned URL has expired. */
  async #upload(target) {
    setUnfinished(this.id, true);
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
      if (!this.#abortController.signal.aborted) setUnfinished(this.id, false);
    }
    this.#setState("waiting");
    return true;
  }

  get #isFinished() {
    const { finished_at = null, lyrics } = this.job ?? {};
    return this.state === "interrupted" || (finished_at !== null && lyrics?.status !== "pending");
  }

  async #poll() {
    for (;;) {
      const { signal } = this.#abortController;
      const { job, etag, retryAfter_s } = await this.#retry(() => getJob(this.id, this.#etag, signal));
      if (job) this.#setJob(job, etag);
      if (this.#isFinished) return;
      if (["waiting", "done"].includes(this.state)) await this.#delayInQueue(retryAfter_s);
      else await delay(retryAfter_s, signal);
    }
  }

  async #delayInQueue(retryAfter_s) {
    waitingSongs += 1;
    try {
      await delay(Math.max(retryAfter_s, waitingSongs / POLLS_PER_SECOND), this.#abortController.signal);
    } finally {
      waitingSongs -= 1;
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
    return this.file === null && isUnfinished(this.id) ? "interrupted" : "waiting";
  }

  #retry(operation) {
    const onTransientError = (error) => {
      if (error === this.transientError) return;
      this.transientError = error;
      this.#dispatchChange();
    };
    return retry(operation, onTransientError, this.#abortController.signal);
  }

  #run(operation) {
    operation().catch((error) => {
      if (this.#abortController.signal.aborted) return;
      if (!(error instanceof AppError)) throw error;
      if (this.state === "done" && error.code !== "not_found") return; // only its lyrics are unknown
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
