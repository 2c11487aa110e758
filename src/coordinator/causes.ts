/**
 * Looks through what an application, or libraries above a driver, have wrapped an error in.
 *
 * @module
 */

/** They wrap a driver's error as a cause, rarely more than once or twice. */
const MAX_CAUSES = 8;

/**
 * Whether an error, or one that it was caused by, is of some kind.
 *
 * @param error What was thrown.
 * @param isIt Tells of one error.
 * @returns True if one of them is.
 */
export function someCause(error: unknown, isIt: (error: Error) => boolean): boolean {
  return firstCause(error, isIt) !== null;
}

/**
 * The first of an error and those that it was caused by that is of some kind.
 *
 * @param error What was thrown.
 * @param isIt Tells of one error.
 * @returns The one; `null` if none is.
 */
export function firstCause(error: unknown, isIt: (error: Error) => boolean): Error | null {
  let one = error;
  for (let depth = 0; depth < MAX_CAUSES && one instanceof Error; depth++) {
    if (isIt(one)) return one;
    one = one.cause;
  }
  return null;
}
