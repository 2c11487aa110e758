/**
 * Why a transaction was rolled back before its decision, and the error that says so to its caller.
 *
 * @module
 */

import type { DeadlineError } from "./deadline.ts";
import type { EnlistedBranch } from "./enlisted_branch.ts";
import { TransactionAbortedError } from "./errors.ts";
import type { PrepareAnswer, VoteAnswer } from "./participant.ts";

/** A failure that ends a transaction before its decision, with the participant that was the reason. */
export interface AbortReason {
  /** Why, without a final full stop. */
  readonly reason: string;
  /** Whether the same transaction, begun again, may succeed. */
  readonly retryable: boolean;
  /** The participant that was the reason. */
  readonly participant?: string;
  /** What it answered. */
  readonly cause: unknown;
}

/**
 * The error that tells a caller.
 *
 * @param id Id of the transaction; `null` if it has none yet.
 * @param failure Why it was rolled back.
 * @returns The error.
 */
export function abortedError(id: string | null, failure: AbortReason): TransactionAbortedError {
  const { reason, retryable, participant, cause } = failure;
  return new TransactionAbortedError(id, reason, {
    cause,
    retryable,
    ...(participant === undefined ? {} : { participant }),
  });
}

/**
 * Its time was up.
 *
 * @param error Why.
 * @returns The reason.
 */
export function deadlineReason(error: DeadlineError): AbortReason {
  const { message, retryable, participant } = error;
  const reason = { reason: message, retryable, cause: error.cause ?? error };
  return participant === null ? reason : { ...reason, participant };
}

/**
 * A database did not say yes.
 *
 * @param branch The branch.
 * @param command What it was asked.
 * @param answer What it said.
 * @returns The reason.
 */
export function refusal(
  branch: EnlistedBranch,
  command: string,
  answer: Exclude<VoteAnswer | PrepareAnswer, { kind: "done" }>,
): AbortReason {
  const verb = answer.kind === "refused" ? "refused" : "did not answer";
  return {
    reason: `"${branch.participant}" ${verb} ${command}${because(answer.error)}`,
    retryable: answer.kind === "unknown" || answer.retryable,
    participant: branch.participant,
    cause: answer.error,
  };
}

/**
 * A branch failed before it was asked to prepare.
 *
 * @param branch The branch.
 * @param cause Its error.
 * @returns The reason.
 */
export function branchFailure(branch: EnlistedBranch, cause: unknown): AbortReason {
  return {
    reason: `the branch in "${branch.participant}" has failed${because(cause)}`,
    retryable: branch.member.participant.isRetryable(cause),
    participant: branch.participant,
    cause,
  };
}

/**
 * The log took no record.
 *
 * @param cause Its error.
 * @returns The reason.
 */
export function logRefusal(cause: unknown): AbortReason {
  return { reason: `the log took no record${because(cause)}`, retryable: false, cause };
}

function because(error: unknown): string {
  return error instanceof Error ? ` (${error.message})` : "";
}
