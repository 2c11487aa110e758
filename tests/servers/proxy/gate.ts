/**
 * A place where something is held back until a test lets it go on; the test can wait for it to get
 * there.
 *
 * @module
 */

/** Holds back whatever comes through. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** Resolves when something is held back here. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Comes here, and waits until the gate is open. */
  pass(): Promise<void> {
    this.#reached.resolve();
    return this.#opened.promise;
  }

  /** Lets everything through from now on. */
  open(): void {
    this.#opened.resolve();
  }
}
