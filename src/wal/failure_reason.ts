/**
 * Why a log takes no entries: its disk failed, or what restates the log cannot be written, whatever the disk. Who is
 * told of the one would look in vain for the other.
 *
 * @module
 */

import { SegmentCreationError } from "./segment_writer.ts";

/** What opens a segment could not be made of what the log's model gave; nothing was written. */
export class RestatingError extends Error {
  /** Always `"RestatingError"`. */
  override readonly name = "RestatingError";

  /**
   * Says why.
   *
   * @param cause What the model or the making threw.
   */
  constructor(cause: unknown) {
    super(
      `Cannot begin a segment: what restates the log cannot be made (${messageOf(cause)}), ` +
        "its model must give entries that can be appended",
      { cause },
    );
  }
}

/**
 * Which of two failures is to blame: the first if both are the disk's, else the one for which the log is not restated.
 *
 * @param first What failed.
 * @param restating What restating the log failed with.
 * @returns One of them.
 */
export function toBlame(first: unknown, restating: unknown): unknown {
  return isOfDisk(first) && isOfDisk(restating) ? first : restating;
}

/**
 * Says why a log takes no entries, and what helps.
 *
 * @param cause What is to blame.
 * @param restates Whether the log tries again by itself.
 * @returns The words, for {@linkcode LogUnavailableError}.
 */
export function failureReason(cause: unknown, restates: boolean): string {
  if (!restates) return "its disk failed: mend it, then open the log again";
  if (isOfDisk(cause)) {
    return "its disk failed, the log tries again by itself: see that the disk works and has space";
  }
  const why = messageOf(cause instanceof RestatingError ? cause.cause : cause);
  return `what restates it cannot be written, the log tries again by itself: ${why}`;
}

/** Numbers out of range are none of a disk's failures. */
function isOfDisk(cause: unknown): boolean {
  if (cause instanceof SegmentCreationError) return isOfDisk(cause.cause);
  return !(cause instanceof RestatingError || cause instanceof RangeError);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
