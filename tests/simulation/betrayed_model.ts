/**
 * What a log may still say on a disk that has lied to it or has rotted. No log can keep records
 * that its disk only pretended to take; what it can do is never to say anything wrong, and to notice.
 *
 * | the disk | what holds |
 * |---|---|
 * | fails, drops, falls short, is cut off | everything: `log_model.ts` |
 * | a sync lied, and no power cut came since, nor a sync that dropped pages | everything |
 * | a sync lied, then an honest one covered the same or a later segment was begun | everything |
 * | a write lied; bits rot, except in `identity.json` | 1 to 7 |
 * | a file's sync lied, then a power cut or a sync that dropped pages; a read, a list or a size lied; `identity.json` is wrong | 1 to 6 |
 * | a directory's sync lied, then a power cut; a rename or a removal lied | 1 to 5, and 6 unless nothing is left |
 *
 * 1. No wrong record: each transaction and each registration was handed to the log exactly as it is
 *    found, and not answered as not written.
 * 2. No silent hole: unless the opening reports damage that was not known before, what is found is
 *    what the log added up to at some moment: its first records in the order of the calls, none
 *    left out. So what is lost silently is always its end. It cannot be noticed by any reader:
 *    nothing on the disk knows that there was more. Behind the end no record can be that promises
 *    (`unsynced`) that what is lost was there; `rotting_disk_test.ts` tells where exactly that line
 *    is, for every bit.
 * 3. The opening succeeds, or it refuses with `LogCorruptedError`; that only if `identity.json`, a
 *    name or a read was wrong, or if no opening ever succeeded; and again at the next try. Where names
 *    are missing, the lock's may be, and the log is taken for a copy.
 * 4. What is damaged is kept: under its name, or set aside.
 * 5. What was found is durable: the next opening finds the same, and the same verdicts.
 * 6. The log keeps its id, or says that it is damaged.
 * 7. It keeps its id, and its epochs grow. They do not where both places that say so are gone: the
 *    newest segment, and `identity.json`, in whose place a valid one of an earlier opening, or of an
 *    earlier try to make the log, stands again. Rot makes no such thing: the checksum of
 *    `identity.json` sees it, and the log refuses; `rotting_disk_test.ts` holds it to that.
 *
 * Where only `identity.json` is wrong, no record is lost at all.
 */

import { assert, AssertionError } from "@std/assert";
import {
  assertGoesOn,
  type Attempt,
  type Finding,
  lastDurable,
  type Lineage,
  linesOf,
  participantLine,
  possibleStates,
  type Seen,
  seenAfter,
  transactionLine,
} from "./log_model.ts";
import type { Distrust } from "./memory_disk.ts";

/** Whether there is anything to doubt. */
export function isDoubtful({ files, names, reads }: Distrust): boolean {
  return files.length > 0 || names || reads;
}

/** All that is in doubt by one or the other. */
export function bothDoubts(one: Distrust, other: Distrust): Distrust {
  return {
    files: [...new Set([...one.files, ...other.files])].sort(),
    names: one.names || other.names,
    reads: one.reads || other.reads,
  };
}

/** Whether a log on a disk that is in doubt may refuse to open. */
export function mayRefuse({ files, names, reads }: Distrust): boolean {
  return names || reads || files.includes("identity.json");
}

/**
 * Checks what an opening found on a disk of which something is in doubt.
 *
 * @returns What has been seen now.
 */
export function assertHonest(seen: Seen, finding: Finding, doubt: Distrust): Seen {
  const isNoticed = newDamages(seen, finding) > 0;
  const found = linesOf(finding);
  assertSameLog(seen, finding, doubt, isNoticed || found.length === 0);
  assertNothingInvented(seen, found);
  const text = found.join("\n");
  const attempts = possibleStates(seen.attempts, lastDurable).get(text);
  if (attempts !== undefined) return seenAfter(seen, finding, attempts);
  assert(
    doubt.names || doubt.reads || doubt.files.some((name) => name !== "identity.json"),
    `records are lost, though only identity.json was wrong: ${text}`,
  );
  for (const lineage of [seen, ...seen.past.toReversed()]) {
    const earlier = possibleStates(lineage.attempts, () => lineage.found - 1).get(text);
    if (earlier !== undefined) return seenAfter(seen, finding, earlier);
  }
  if (!isNoticed) throw new AssertionError(`records are missing without a word: only ${text}`);
  return seenAfter(seen, finding, attemptsOf(finding));
}

function assertSameLog(
  seen: Seen,
  finding: Finding,
  { files, names, reads }: Distrust,
  mayBeAnother: boolean,
): void {
  if (!names && !reads && !files.includes("identity.json")) assertGoesOn(seen, finding);
  else assert(seen.id === finding.id || mayBeAnother, "the log changed its id in silence");
}

/** How many verdicts were not there at the opening before. */
export function newDamages(seen: Seen, finding: Finding): number {
  const known = new Set(seen.damages.map((damage) => JSON.stringify(damage)));
  return finding.damages.filter((damage) => !known.has(JSON.stringify(damage))).length;
}

function assertNothingInvented(seen: Seen, found: readonly string[]): void {
  const known = new Set([seen, ...seen.past].flatMap(possibleLines));
  for (const line of found) assert(known.has(line), `nobody gave the log ${line}`);
}

function possibleLines({ attempts }: Lineage): string[] {
  return attempts.filter(({ fate }) => fate !== "no").flatMap(({ record }) => {
    switch (record.type) {
      case "participant":
        return [participantLine(record)];
      case "begin":
      case "committing":
        return [transactionLine({ ...record, decided: record.type === "committing" })];
      default:
        return [];
    }
  });
}

/** Records that add up to what was found. */
function attemptsOf({ active, participants }: Finding): Attempt[] {
  return [
    ...participants.map((participant) => ({ type: "participant", ...participant }) as const),
    ...active.map(({ txn, decided, branches }) =>
      ({ type: decided ? "committing" : "begin", txn, branches }) as const
    ),
  ].map((record) => ({ record, fate: "durable" }));
}
