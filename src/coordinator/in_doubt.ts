/**
 * What is in doubt, as operators see it.
 *
 * @module
 */

import type { Resolver } from "./resolver.ts";
import type { Settlement, Verdict } from "./settlement.ts";

/** A branch that is not settled, or did not end as its transaction decided. */
export interface InDoubtBranch {
  /** Name of the participant. */
  readonly participant: string;
  /** The branch's gid. */
  readonly gid: string;
  /**
   * What it waits for: `trying` for its database, now or at the next try, `stuck` for a person after an answer
   * that no repetition mends, `waiting` for whoever decides. `heuristic` waits for nothing: it has ended
   * otherwise.
   */
  readonly state: "trying" | "stuck" | "waiting" | "heuristic";
  /** What became of it in its database; `null` while it has not ended. */
  readonly outcome: "committed" | "rolled back" | "unknown" | null;
  /** How often it was tried. */
  readonly tries: number;
  /** When it is tried next; `null` if it is tried now, or not again. */
  readonly nextTry: Date | null;
  /** What the last try came to; `null` if it was not tried. */
  readonly lastError: unknown;
}

/** A transaction that is not settled. */
export interface InDoubtTransaction {
  /** Its id. Of another coordinator's that was adopted: that one's id, `_`, and its number. */
  readonly id: string;
  /** What the application called it; `null` if nothing. */
  readonly label: string | null;
  /**
   * What its branches are driven to, or who has to say: the participant that was sent a one-phase COMMIT
   * is asked (`ask`), the log's disk has to come back (`log`), or an operator has to decide.
   */
  readonly decision: Verdict;
  /** Since when. After a crash: since the log was opened again. */
  readonly since: Date;
  /** Its branches that have not ended as they should. */
  readonly branches: readonly InDoubtBranch[];
}

/**
 * Shows a transaction that is not settled.
 *
 * @param settlement Its settling.
 * @param resolver Knows how far its branches have come.
 * @returns What there is to see.
 */
export function describeInDoubt(settlement: Settlement, resolver: Resolver): InDoubtTransaction {
  const { id, label, verdict, since, outstanding, heuristics } = settlement;
  const branches = outstanding.map(({ participant, gid }): InDoubtBranch => {
    const progress = resolver.progressOf(gid);
    return {
      participant,
      gid,
      state: progress?.stuck ? "stuck" : isDriven(verdict) ? "trying" : "waiting",
      outcome: null,
      tries: progress?.tries ?? 0,
      nextTry: typeof progress?.nextTry === "number" ? new Date(progress.nextTry) : null,
      lastError: progress?.lastError ?? null,
    };
  });
  const ended = heuristics.map(({ participant, gid, outcome }): InDoubtBranch => ({
    participant,
    gid,
    state: "heuristic",
    outcome,
    tries: 0,
    nextTry: null,
    lastError: null,
  }));
  return {
    id,
    label,
    decision: verdict,
    since: new Date(since),
    branches: [...branches, ...ended],
  };
}

/** Whether somebody drives branches to an end: their own session at first, then the resolver. */
function isDriven(verdict: Verdict): boolean {
  return verdict === "commit" || verdict === "rollback" || verdict === "ask";
}
