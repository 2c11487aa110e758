/**
 * Finds branches of this coordinator that a database holds prepared and nobody drives to an end.
 *
 * Three things are looked at, in this order, and the order is what makes it safe:
 *
 * 1. P, what the database holds prepared under our prefix;
 * 2. L, the transactions that are live in this process;
 * 3. D, the branches that are still to be committed of transactions that were decided.
 *
 * A branch in P that is in D is committed by whoever has it there; one that is not, and whose transaction is
 * not in L, is rolled back unless that transaction is known to have committed.
 * Had L been looked at before P, a transaction could begin and prepare in between and would be rolled
 * back though it lives. Had D been looked at before L, one could decide in between, leave L, and be rolled
 * back though it is decided. In the order above, a branch that leaves L and D after P was read has been
 * ended by its own transaction. So that nothing is sent to it all the same, and a transaction that has
 * committed meanwhile is not shown as being rolled back, L and D are noted once more before P is asked for:
 * whatever was in either then, or has begun since, is left to the next sweep. A branch leaves D
 * only when it has truly answered. L and D are looked at in one turn of the event loop.
 *
 * A branch may be there again that was committed: of a database that lost its COMMIT PREPARED in a failover, or
 * was put back. It is committed once more as long as its transaction is not settled, for another branch's sake,
 * or the outcome of it is kept.
 *
 * If the log was damaged, "not in D" proves nothing for the transactions of that time: they are reported
 * and left alone until an operator has decided. So is a transaction that bears this coordinator's id but
 * a number that it never gave out: another coordinator uses a copy of the log's directory, and from then on
 * no branch of this opening is presumed to be this coordinator's own. Branches of
 * other coordinators are never touched; they are told to whoever may miss them, since the log that knew
 * of them may be lost.
 *
 * @module
 */

import { coordinatorOfGid, transactionOfGid } from "./gid.ts";
import type { PreparedBranch } from "./participant.ts";

/** What the sweep asks about a transaction. */
export interface TransactionsInView {
  /** Whether a branch was in L or D before the database was asked, or its transaction has begun since. */
  wasInView(txn: bigint, gid: string): boolean;
  /** Whether a transaction is live in this process. */
  isLive(txn: bigint): boolean;
  /** Whether a branch is still to be committed, and somebody sees to it. */
  isDriven(txn: bigint, gid: string): boolean;
  /** Whether a transaction is decided and not settled yet, or not as decided. */
  isDecided(txn: bigint): boolean;
  /** Whether a transaction is known to have committed and to be over. */
  hasCommitted(txn: bigint): boolean;
  /** Whether its decision may have been in a damaged part of the log: then it is not presumed aborted. */
  isUncertain(txn: bigint): boolean;
}

/** A branch that nobody drives to an end. */
export interface OrphanedBranch {
  /** Number of its transaction. */
  readonly txn: bigint;
  /** Its name. */
  readonly gid: string;
  /** What is to become of it. */
  readonly verdict: OrphanVerdict;
}

/**
 * What is to become of a branch: its transaction is known to have committed, or can be presumed aborted, or an
 * operator has to decide, for one of two reasons.
 */
export type OrphanVerdict = "commit" | "rollback" | "damage" | "duplicate";

/** A branch of another coordinator. */
export interface ForeignBranch {
  /** Id of the other coordinator. */
  readonly coordinator: string;
  /** Its name. */
  readonly gid: string;
  /** Since when it is prepared; see {@linkcode PreparedBranch}. */
  readonly since: Date;
}

/** What a database holds prepared that this coordinator does not drive to an end. */
export interface Sweepings {
  /** Its own. */
  readonly orphans: readonly OrphanedBranch[];
  /** Those of others of its kind. */
  readonly foreign: readonly ForeignBranch[];
}

/**
 * Picks, from what a database holds prepared, the branches that nobody here drives to an end. Those that are
 * still to be committed are not among them: the resolver has them since their decision, or since the log was read.
 *
 * @param coordinator The coordinator's id.
 * @param prepared P, read before this is called.
 * @param view L and D.
 * @param last The largest number of a transaction that was certainly given out here and not elsewhere too.
 * @returns The branches that nobody will end.
 */
export function findOrphans(
  coordinator: string,
  prepared: readonly PreparedBranch[],
  view: TransactionsInView,
  last: bigint,
): Sweepings {
  const orphans: OrphanedBranch[] = [];
  const foreign: ForeignBranch[] = [];
  for (const { gid, since } of prepared) {
    const owner = coordinatorOfGid(gid);
    if (owner === null) continue;
    if (owner !== coordinator) {
      foreign.push({ coordinator: owner, gid, since });
      continue;
    }
    const txn = transactionOfGid(coordinator, gid);
    if (txn === null || view.isLive(txn) || view.isDriven(txn, gid)) continue;
    if (view.wasInView(txn, gid)) continue;
    orphans.push({ txn, gid, verdict: verdictOn(txn, view, last) });
  }
  return { orphans, foreign };
}

function verdictOn(txn: bigint, view: TransactionsInView, last: bigint): OrphanVerdict {
  if (txn > last) return "duplicate";
  if (view.isDecided(txn)) return "commit";
  if (view.isUncertain(txn)) return "damage";
  return view.hasCommitted(txn) ? "commit" : "rollback";
}
