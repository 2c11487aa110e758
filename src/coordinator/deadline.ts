/**
 * The end of a transaction's time: its timeout, its caller's signal or the closing of the coordinator,
 * whichever comes first. It can stop a transaction before the decision only; after that the outcome is what
 * it is.
 *
 * @module
 */

import type { Clock, Timer } from "../platform/clock.ts";

/** Why time is up. */
export class DeadlineError extends Error {
  /** Always `"DeadlineError"`. */
  override readonly name = "DeadlineError";
  /** Whether trying again may help: yes after a timeout, no if the caller gave up or the coordinator closes. */
  readonly retryable: boolean;
  /** The participant that was waited for; `null` if it was none or is not known. */
  readonly participant: string | null;

  /**
   * Says why.
   *
   * @param message Why, without a final full stop.
   * @param retryable Whether trying again may help.
   * @param options The cause, and the participant that was waited for.
   */
  constructor(
    message: string,
    retryable: boolean,
    options?: ErrorOptions & { participant?: string | undefined },
  ) {
    super(message, options);
    this.retryable = retryable;
    this.participant = options?.participant ?? null;
  }

  /**
   * Says what was waited for, so that who reads it knows where to look.
   *
   * @param what What that was.
   * @param participant The participant that did not give it, if it was one.
   * @returns The error that says so; the same if it was not the waiting that used the time up.
   */
  waitingFor(what: string, participant?: string): DeadlineError {
    if (!this.retryable) return this;
    return new DeadlineError(`${this.message} while waiting for ${what}`, true, { participant });
  }
}

/** Who waits for the end of time. */
export interface DeadlineWaiter {
  /** Hears that time is up. */
  timeUp(error: DeadlineError): void;
}

/** Watches the time of one transaction. */
export class Deadline implements Disposable {
  /** Who waits for the end of time: one at most, nearly always; a promise for all would keep each until then. */
  #first: DeadlineWaiter | null = null;
  #others: Set<DeadlineWaiter> | null = null;
  readonly #timeout: number;
  readonly #timer: Timer;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | null = null;
  #error: DeadlineError | null = null;

  /**
   * Begins to watch.
   *
   * @param clock The source of time.
   * @param timeout Milliseconds until time is up.
   * @param signal The caller's signal.
   */
  constructor(clock: Clock, timeout: number, signal?: AbortSignal) {
    this.#timeout = timeout;
    this.#timer = clock.after(timeout, Deadline.#pass, this);
    this.#signal = signal;
    if (signal !== undefined) this.#onAbort = this.#watch(signal);
  }

  /** Apart, since a function made here would take a scope also where there is no signal. */
  #watch(signal: AbortSignal): () => void {
    const onAbort = () => {
      const options = { cause: signal.reason };
      this.expire(new DeadlineError("its signal was aborted", false, options));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    return onAbort;
  }

  static #pass(deadline: Deadline): void {
    deadline.expire(new DeadlineError(`its timeout of ${deadline.#timeout} ms passed`, true));
  }

  /** Why time is up; `null` while it is not. */
  get error(): DeadlineError | null {
    return this.#error;
  }

  /**
   * Waits for a promise or the end of time.
   *
   * @param promise What to wait for; if time ends first, its later rejection is nobody's.
   * @returns What it gave.
   * @throws {DeadlineError} If time is up first.
   */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter = { timeUp: reject };
      this.whenExpired(waiter);
      promise.then(
        (value) => {
          this.forget(waiter);
          resolve(value);
        },
        (error) => {
          this.forget(waiter);
          reject(error);
        },
      );
    });
  }

  /**
   * Tells someone when time is up; at once if it is.
   *
   * @param waiter Is told at most once, and not after the watch has ended.
   */
  whenExpired(waiter: DeadlineWaiter): void {
    if (this.#error !== null) return waiter.timeUp(this.#error);
    if (this.#first === null) this.#first = waiter;
    else (this.#others ??= new Set()).add(waiter);
  }

  /** Takes back what {@linkcode whenExpired} was given. */
  forget(waiter: DeadlineWaiter): void {
    if (this.#first === waiter) this.#first = null;
    else this.#others?.delete(waiter);
  }

  /**
   * Ends the time early. Has no effect if it is up already.
   *
   * @param error Why.
   */
  expire(error: DeadlineError): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#first?.timeUp(error);
    this.#others?.forEach((waiter) => waiter.timeUp(error));
    this.#first = null;
    this.#others = null;
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#timer.cancel();
    if (this.#onAbort !== null) this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
