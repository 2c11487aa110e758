/**
 * A limit on the waiting for answers to the coordinator's own statements. A connection can go without a word
 * (a firewall forgets it, a host loses its power), and who asked has long given up then. So a session that
 * does not answer in time is ended: it would be missing in its pool for ever.
 *
 * @module
 */

import { type Clock, within } from "../../platform/clock.ts";

/** Milliseconds after which nobody waits for an answer any more: as long as a try of the resolver lasts. */
export const ANSWER_MS = 30_000;

const LATE = Symbol("late");

/** A statement was not answered in time; what became of it is not known. */
export class NoAnswerError extends Error {
  /** Always `"NoAnswerError"`. */
  override readonly name = "NoAnswerError";

  /** Says so. */
  constructor() {
    super(
      `Cannot ask the database: there is no answer within ${ANSWER_MS} ms, see that nothing between ` +
        "here and there drops connections without a word",
    );
  }
}

/**
 * Waits for an answer, but not for ever.
 *
 * @param clock The source of time.
 * @param answer What is waited for; goes on when time is up.
 * @param giveUp Is called then, to end the session.
 * @returns The answer.
 * @throws {NoAnswerError} If there is none in time.
 */
export async function answerInTime<T>(
  clock: Clock,
  answer: Promise<T>,
  giveUp: () => void = () => {},
): Promise<T> {
  const given = await within(clock, answer, ANSWER_MS, LATE);
  if (given !== LATE) return given;
  giveUp();
  throw new NoAnswerError();
}
