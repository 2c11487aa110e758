/**
 * One try to end a branch, and what its database's answer means.
 *
 * "No such branch" is a question, not an answer. The branch's outcome token tells *ended as decided* from
 * *ended otherwise by someone else*; the second is a heuristic outcome, which is kept and shown, never
 * ended in silence. If the token's transaction is still in progress, the branch may come to be prepared
 * yet: a PREPARE whose answer was lost can be late. A database that keeps no memory of outcomes can only
 * say that the branch is over; after a decision that counts as done.
 *
 * @module
 */

import type { HeuristicBranch } from "./errors.ts";
import type { Member } from "./member.ts";
import type { SettleAnswer } from "./participant.ts";
import type { BranchOutcome, UnsettledBranch, Verdict } from "./settlement.ts";

/** What one try came to. */
export type TryAnswer =
  /** It has ended as it had to; or it had to be rolled back and there was nothing. */
  | { readonly kind: "done"; readonly outcome: BranchOutcome | "absent" }
  /** It has ended otherwise, or nobody knows how. */
  | { readonly kind: "heuristic"; readonly outcome: HeuristicBranch["outcome"] }
  /** Not now. `suspect` if the participant should be checked again. */
  | { readonly kind: "later"; readonly error: unknown; readonly suspect?: boolean }
  /** Only a person can help. */
  | { readonly kind: "operator"; readonly error: unknown; readonly suspect?: boolean };

/**
 * Tries to end a branch.
 *
 * @param verdict How it has to end, or who is asked.
 * @param member Its participant, checked.
 * @param branch The branch.
 * @returns What came of it.
 * @throws Whatever the participant throws: no answer.
 */
export async function tryToSettle(
  verdict: Verdict,
  member: Member,
  branch: UnsettledBranch,
): Promise<TryAnswer> {
  if (verdict === "ask") return await ask(member, branch);
  const commits = verdict === "commit";
  const answer: SettleAnswer = commits
    ? await member.participant.commitPrepared(branch.gid)
    : await member.participant.rollbackPrepared(branch.gid);
  if (answer.kind === "done") {
    return { kind: "done", outcome: commits ? "committed" : "rolled back" };
  }
  if (answer.kind !== "absent") return answer;
  return commits ? await explainMissing(member, branch) : await explainGone(member, branch);
}

/** A branch that had to be committed is not prepared any more. */
async function explainMissing(member: Member, branch: UnsettledBranch): Promise<TryAnswer> {
  const { token } = branch;
  if (token === null) return { kind: "heuristic", outcome: "unknown" };
  const outcome = await member.participant.outcomeOf(token, member.identity ?? "");
  switch (outcome) {
    case "committed":
    case "unproven":
      return { kind: "done", outcome: "committed" };
    case "aborted":
      return { kind: "heuristic", outcome: "rolled back" };
    case "unknown":
      return { kind: "heuristic", outcome: "unknown" };
    case "in progress":
      return inProgress(branch);
    case "other database":
      return otherDatabase(member, branch);
  }
}

/** A branch that had to be rolled back is not prepared, or not yet, or not any more. */
async function explainGone(member: Member, branch: UnsettledBranch): Promise<TryAnswer> {
  const { token } = branch;
  // Should its PREPARE arrive later still, the sweep finds it.
  if (token === null) return { kind: "done", outcome: "absent" };
  const outcome = await member.participant.outcomeOf(token, member.identity ?? "");
  switch (outcome) {
    case "committed":
      return { kind: "heuristic", outcome: "committed" };
    case "in progress":
      return inProgress(branch);
    case "other database":
      return otherDatabase(member, branch);
    case "aborted":
      return { kind: "done", outcome: "rolled back" };
    case "unknown":
    case "unproven":
      return { kind: "done", outcome: "absent" };
  }
}

/** The answer to a one-phase COMMIT was lost. */
async function ask(member: Member, branch: UnsettledBranch): Promise<TryAnswer> {
  const { token } = branch;
  if (token === null) return { kind: "heuristic", outcome: "unknown" };
  const outcome = await member.participant.outcomeOf(token, member.identity ?? "");
  switch (outcome) {
    case "committed":
      return { kind: "done", outcome: "committed" };
    case "aborted":
      return { kind: "done", outcome: "rolled back" };
    case "in progress":
      return inProgress(branch);
    case "other database":
      return otherDatabase(member, branch);
    case "unknown":
    case "unproven":
      return { kind: "heuristic", outcome: "unknown" };
  }
}

function inProgress({ gid }: UnsettledBranch): TryAnswer {
  const error = new Error(
    `Cannot settle ${gid}: its transaction is in progress, but not prepared by this name`,
  );
  return { kind: "later", error };
}

function otherDatabase({ name }: Member, { gid }: UnsettledBranch): TryAnswer {
  const error = new Error(
    `Cannot settle ${gid}: another database answers in the place of "${name}", ` +
      "connect the one that has prepared it",
  );
  return { kind: "operator", error, suspect: true };
}
