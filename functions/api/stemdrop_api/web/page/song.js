// One song's way: read, uploaded, waiting, separated; and what of it survives a reload.

import { createJob, deleteJob, showJob } from "./api.js";
import { Failure } from "./errors.js";
import { sha256Of } from "./file-hash.js";
import * as shelf from "./library-storage.js";
import { upload } from "./upload.js";
import { pause, persist } from "./retry.js";

// Uploads of this tab that haven't ended: what a reload interrupts is told from what waits.
const UNFINISHED = "stemdrop.uploading";
const MARGIN_S = 60;

/**
 * A song. It tells of every change by an event "change".
 *
 * state: reading, uploading, waiting, processing, done, failed, interrupted, gone; or loading.
 * failure: why it failed; trouble: what holds it up, if that passes by itself.
 * sent: the share that is uploaded. job: as the API shows it.
 */
export class Song extends EventTarget {
  id = null;
  file = null;
  job = null;
  failure = null;
  trouble = null;
  sent = 0;
  #hash = null;
  #etag = null;
  #receivedAt = 0;
  #refreshing = null;
  #ending = new AbortController();

  constructor(name, urlLifetime_s) {
    super();
    this.name = name;
    this.state = "loading";
    this.urlLifetime_s = urlLifetime_s;
  }

  /** Return a song that was chosen; it is read at once, so that its hash is there in time. */
  static chosen(file, urlLifetime_s) {
    const song = new Song(file.name, urlLifetime_s);
    song.file = file;
    song.state = "reading";
    song.#hash = sha256Of(file, song.#ending.signal);
    song.#hash.catch(() => {});
    return song;
  }

  /** Return a song of an earlier visit, and see how it stands. */
  static kept({ id, name }, urlLifetime_s) {
    const song = new Song(name, urlLifetime_s);
    song.id = id;
    song.#run(() => song.#watch());
    return song;
  }

  get isUnderWay() {
    return this.state === "reading" || this.state === "uploading";
  }

  /** Have it separated. */
  separate(options) {
    this.#run(async () => {
      const sha256 = await this.#hash;
      await this.#submit({ ...options, filename: this.name, size_bytes: this.file.size, sha256 });
      await this.#watch();
    });
  }

  /** Stop what is going on, and forget it here. */
  drop() {
    this.#ending.abort();
    if (this.id !== null) shelf.forget(this.id);
    markUnfinished(this.id, false);
  }

  /** Delete it from the server, and forget it here. */
  async delete() {
    if (this.id !== null) await deleteJob(this.id);
    this.drop();
  }

  /** Return the job with URLs that are good for a while. */
  async fresh({ anew = false } = {}) {
    const age_s = (Date.now() - this.#receivedAt) / 1000;
    if (!anew && age_s < this.urlLifetime_s - MARGIN_S && age_s >= 0) return this.job;
    this.#refreshing ??= showJob(this.id, null, this.#ending.signal)
      .then(({ job, etag }) => this.#take(job, etag))
      .catch((failure) => {
        if (failure.code === "not_found") this.#end(failure);
        throw failure;
      })
      .finally(() => {
        this.#refreshing = null;
      });
    await this.#refreshing;
    return this.job;
  }

  async #submit(wanted) {
    for (;;) {
      const signal = this.#ending.signal;
      const job = await this.#persist(() => createJob(wanted, signal));
      this.id = job.id;
      shelf.keep(job.id, this.name);
      this.#take(job, null);
      if (job.upload === null || (await this.#upload(job.upload))) return;
      // The upload URL is too old by now: a new job has a new one.
      shelf.forget(job.id);
      await this.#persist(() => deleteJob(job.id));
    }
  }

  /** Return whether the song has arrived, or else its upload URL is no longer good. */
  async #upload(to) {
    markUnfinished(this.id, true);
    this.#become("uploading");
    const endsAt = Date.now() + 1000 * this.urlLifetime_s;
    const onProgress = (share) => {
      this.sent = share;
      this.#tell();
    };
    try {
      await this.#persist(async () => {
        if (Date.now() > endsAt) throw new Failure("upload_expired");
        await this.file.slice(0, 1).arrayBuffer().catch(() => {
          throw new Failure("unreadable");
        });
        await upload(to, this.file, onProgress, this.#ending.signal);
      });
    } catch (failure) {
      if (this.#ending.signal.aborted) throw failure; // who has stopped it deletes it
      const isTooOld = failure.code === "upload_refused" && Date.now() > endsAt;
      if (isTooOld || failure.code === "upload_expired") return false;
      shelf.forget(this.id); // what never arrived is nothing to come back to
      deleteJob(this.id).catch(() => {});
      throw failure;
    } finally {
      if (!this.#ending.signal.aborted) markUnfinished(this.id, false);
    }
    this.#become("waiting");
    return true;
  }

  async #watch() {
    for (;;) {
      const signal = this.#ending.signal;
      const found = await this.#persist(() => showJob(this.id, this.#etag, signal));
      if (found.job) this.#take(found.job, found.etag);
      if (this.state === "interrupted" || this.job.finished_at !== null) return;
      await pause(found.retryAfter_s, signal);
    }
  }

  #take(job, etag) {
    this.job = job;
    this.#etag = etag;
    this.#receivedAt = Date.now();
    this.failure = job.error;
    this.#become(this.#stateOf(job));
  }

  #stateOf(job) {
    if (job.status !== "awaiting_upload") return job.status;
    const isInterrupted = this.file === null && unfinished().includes(this.id);
    return isInterrupted ? "interrupted" : "waiting";
  }

  #persist(work) {
    const onTrouble = (failure) => {
      if (failure === null && this.trouble === null) return;
      this.trouble = failure;
      this.#tell();
    };
    return persist(work, onTrouble, this.#ending.signal);
  }

  #run(work) {
    work().catch((failure) => {
      if (this.#ending.signal.aborted) return;
      if (!(failure instanceof Failure)) throw failure;
      this.#end(failure);
    });
  }

  #end(failure) {
    this.failure = failure;
    this.trouble = null;
    if (failure.code === "not_found") shelf.forget(this.id);
    this.#become(failure.code === "not_found" ? "gone" : "failed");
  }

  #become(state) {
    this.state = state;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

function unfinished() {
  return JSON.parse(sessionStorage.getItem(UNFINISHED) ?? "[]");
}

function markUnfinished(id, isUnfinished) {
  const others = unfinished().filter((other) => other !== id);
  sessionStorage.setItem(UNFINISHED, JSON.stringify(isUnfinished ? [...others, id] : others));
}
