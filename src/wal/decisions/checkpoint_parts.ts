/**
 * A checkpoint as the records that it takes: as many transactions run as the application lets run, with as many
 * branches as there are databases, and together they may be more than one record can hold.
 *
 * Guarantees: no record becomes longer than a frame's body may be, whatever letters the texts are of, as long as each
 * transaction and each participant was let into the log under {@linkcode MAX_RESTATED_LENGTH}. Nothing is encoded to
 * find out: while a checkpoint is made, all commits wait.
 *
 * @module
 */

import { MAX_BODY_LENGTH } from "../format.ts";
import type { ActiveTransaction, LogRecord, ParticipantRecord } from "./record.ts";

/** The longest body of a record that a Checkpoint, which has a few bytes more around it, can restate. */
export const MAX_RESTATED_LENGTH: number = MAX_BODY_LENGTH - 64;

/** How many transactions one Checkpoint holds. */
const MAX_TRANSACTIONS = 10_000;
/** How many bytes, counted generously, one Checkpoint holds besides the first of what is in it. */
const MAX_BYTES = MAX_BODY_LENGTH - 1_048_576;
/** The most bytes of UTF-8 for a place of a string. */
const BYTES_OF_PLACE = 3;
/** The most bytes before a text: its kind and its length. */
const BEFORE_TEXT = 5;
/** The most bytes of a list of three texts besides the texts. */
const BEFORE_TEXTS = 1 + 3 * BEFORE_TEXT;
/** The most bytes of a transaction besides its branches: list, number, whether it is decided, list. */
const BEFORE_BRANCHES = 1 + 9 + 1 + 5;

type Checkpoint = Extract<LogRecord, { type: "checkpoint" }>;

/**
 * Spreads a checkpoint over records.
 *
 * @param active The transactions that are not finished.
 * @param participants The databases that took part once.
 * @returns The records, at least one.
 */
export function checkpointParts(
  active: readonly ActiveTransaction[],
  participants: readonly ParticipantRecord[],
): Checkpoint[] {
  const parts: Checkpoint[] = [];
  let [bytes, firstParticipant, firstActive] = [0, 0, 0];
  const endPart = (participant: number, transaction: number) => {
    parts.push({
      type: "checkpoint",
      active: active.slice(firstActive, transaction),
      participants: participants.slice(firstParticipant, participant),
    });
    [bytes, firstParticipant, firstActive] = [0, participant, transaction];
  };
  for (let index = 0; index < participants.length; index++) {
    const most = mostOfParticipant(participants[index]!);
    if (bytes > 0 && bytes + most > MAX_BYTES) endPart(index, 0);
    bytes += most;
  }
  for (let index = 0; index < active.length; index++) {
    const most = mostOfTransaction(active[index]!);
    const isFull = index - firstActive === MAX_TRANSACTIONS;
    if (isFull || (bytes > 0 && bytes + most > MAX_BYTES)) endPart(participants.length, index);
    bytes += most;
  }
  endPart(participants.length, active.length);
  return parts;
}

function mostOfParticipant({ name, kind, identity }: ParticipantRecord): number {
  return BEFORE_TEXTS + BYTES_OF_PLACE * (name.length + kind.length + identity.length);
}

function mostOfTransaction({ branches }: ActiveTransaction): number {
  let most = BEFORE_BRANCHES;
  for (const { participant, gid, token } of branches) {
    const places = participant.length + gid.length + (token?.length ?? 0);
    most += BEFORE_TEXTS + BYTES_OF_PLACE * places;
  }
  return most;
}
