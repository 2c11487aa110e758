/**
 * Time as an interface, so that tests and the simulator own it. Nothing in this project depends on
 * the wall clock for correctness: `now` stamps records for people, `elapsed` measures, timers wake.
 *
 * @module
 */

/** A timer that has been set and may be taken back. */
export interface Timer {
  /** Takes the timer back; no effect after it has run. */
  cancel(): void;
  /** Says whether the process is to go on living for this timer alone; it is, unless told. */
  keepAlive?(alive: boolean): void;
}

/** The source of time. */
export interface Clock {
  /** Milliseconds since 1970, for people and records. May jump. */
  now(): number;
  /** Milliseconds since some fixed point; never goes back. */
  elapsed(): number;
  /** Runs `callback` once after `milliseconds`, with the argument that was given. */
  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer;
  /** Runs `callback` once what is ready to run now has run, without waiting for a timer. */
  soon(callback: () => void): void;
}

/** Time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    const timer = setTimeout(callback, milliseconds, argument as Argument);
    return {
      cancel: () => clearTimeout(timer),
      keepAlive: (alive) => alive ? Deno.refTimer(timer) : Deno.unrefTimer(timer),
    };
  },
  soon(callback: () => void): void {
    setImmediate(callback);
  },
};

/**
 * Waits. Resolves to true after `milliseconds`, or to false as soon as `signal` is aborted.
 *
 * @param clock The source of time.
 * @param milliseconds How long.
 * @param signal Ends the wait early, without an error.
 * @returns Whether the whole time has passed.
 */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const abort = () => {
      timer.cancel();
      resolve(false);
    };
    const timer = clock.after(milliseconds, () => {
      signal?.removeEventListener("abort", abort);
      resolve(true);
    });
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Puts a limit on waiting. Resolves or rejects as `promise` does, or resolves to `late` when
 * `milliseconds` have passed first. The promise goes on; its rejection is then looked at by nobody,
 * so a caller that gives up must have another way to learn the outcome.
 *
 * @param clock The source of time.
 * @param promise What to wait for.
 * @param milliseconds How long.
 * @param late The answer when time is up.
 * @returns What the promise gave, or `late`.
 */
export function within<T, L>(
  clock: Clock,
  promise: Promise<T>,
  milliseconds: number,
  late: L,
): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(milliseconds, () => resolve(late));
    promise.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
