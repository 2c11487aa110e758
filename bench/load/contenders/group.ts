/**
 * The barest group commit: callers queue while a turn passes, then one write and one sync serve them all.
 * It stands in front of what has no group commit of its own, and is the limit for what has.
 *
 * @module
 */

/** Gathers callers. */
export class Group {
  readonly #write: (count: number) => void;
  #waiting: (() => void)[] = [];
  #rejecting: ((error: unknown) => void)[] = [];
  #gathering = false;

  /** `write` writes so many operations and makes them durable before it returns. */
  constructor(write: (count: number) => void) {
    this.#write = write;
  }

  /** Does one operation together with those of others; resolves when it is durable. */
  join(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      this.#rejecting.push(reject);
      if (this.#gathering) return;
      this.#gathering = true;
      setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    const rejecting = this.#rejecting;
    this.#waiting = [];
    this.#rejecting = [];
    this.#gathering = false;
    try {
      this.#write(waiting.length);
    } catch (error) {
      for (const reject of rejecting) reject(error);
      return;
    }
    for (const resolve of waiting) resolve();
  }
}
