// Tasks that run a few at a time, in the order in which they were added.

export class TaskQueue {
  #free;
  #waiting = [];

  /** @param {number} limit Number of tasks that run at the same time. */
  constructor(limit) {
    this.#free = limit;
  }

  /**
   * Run a task when its turn comes, and return its result.
   * @param {() => Promise<T>} task
   * @param {AbortSignal} [signal] Rejects a task whose turn hasn't come yet.
   * @template T
   */
  async run(task, signal) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      signal?.throwIfAborted();
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
