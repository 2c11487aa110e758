/**
 * Looks through what libraries above a driver have wrapped its error in.
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
  let one = error;
  for (let depth = 0; depth < MAX_CAUSES && one instanceof Error; depth++) {
    if (isIt(one)) return true;
    one = one.cause;
  }
  return false;
}
