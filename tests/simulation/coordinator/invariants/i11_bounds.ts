/** I11: the log stays small, no database is stormed, and the log forgets what is over. */

import { type Evidence, InvariantViolation } from "../evidence.ts";

/** What a log of a dozen transactions may take, in files and bytes. */
const MOST_FILES = 12;
const MOST_BYTES = 64 * 1024;

/** Commands to one database in one second, for each transaction that was ever begun. */
const MOST_PER_TRANSACTION = 12;
/** Besides: checks, sweeps, and what several processes in turn ask when they start. */
const MOST_BESIDES = 60;

/** Sees that I11 holds. */
export function checkBounds(evidence: Evidence): void {
  const { final } = evidence;
  if (final === null) return;
  if (final.files.length > MOST_FILES || final.bytes > MOST_BYTES) {
    const { bytes, files } = final;
    throw new InvariantViolation(
      "I11",
      `the log has ${bytes} bytes in ${files.length} files: ${files}`,
    );
  }
  const most = MOST_BESIDES + MOST_PER_TRANSACTION * evidence.attempts.length;
  for (const [second, commands] of evidence.load) {
    if (commands <= most) continue;
    throw new InvariantViolation("I11", `${commands} commands were sent in one second: ${second}`);
  }
  if (final.lastRecovery.length === 0) return;
  throw new InvariantViolation(
    "I11",
    `the log has not forgotten ${final.lastRecovery}, though all was over at its last opening`,
  );
}
