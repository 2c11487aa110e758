/**
 * What a caller can learn when a transaction does not simply succeed. The classes differ by what the
 * caller may do next, not by where the trouble began.
 *
 * | class | what happened | what to do |
 * |---|---|---|
 * | {@linkcode TransactionAbortedError} | nothing, in any database | try again if `retryable` |
 * | {@linkcode OutcomeUnknownError} | it commits everywhere or nowhere, not known yet which | do not repeat; keep the id |
 * | {@linkcode HeuristicOutcomeError} | someone else decided in one database | a person has to look |
 *
 * @module
 */

/**
 * The transaction was rolled back: nothing of it happened in any database.
 *
 * @example Try again where that may help
 * ```ts
 * import { TransactionAbortedError } from "@indoubt/coordinator";
 *
 * const error = new TransactionAbortedError("7000000000042", "the deadline passed", {
 *   retryable: true,
 * });
 * console.assert(error.retryable);
 * ```
 */
export class TransactionAbortedError extends Error {
  /** Always `"TransactionAbortedError"`. */
  override readonly name = "TransactionAbortedError";
  /** Id of the transaction; `null` if it was refused before it had one. */
  readonly transactionId: string | null;
  /** The participant that was the reason, where one was. */
  readonly participant: string | null;
  /** Whether the same transaction, begun again, may succeed. */
  readonly retryable: boolean;

  /**
   * Says why.
   *
   * @param transactionId Id of the transaction, or `null`.
   * @param reason Why, without a final full stop.
   * @param options Whether to try again, the participant, the cause.
   */
  constructor(
    transactionId: string | null,
    reason: string,
    options: ErrorOptions & { retryable: boolean; participant?: string },
  ) {
    const which = transactionId === null ? "the transaction" : `transaction ${transactionId}`;
    super(`Cannot commit ${which}: ${reason}, it was rolled back everywhere`, options);
    this.transactionId = transactionId;
    this.participant = options.participant ?? null;
    this.retryable = options.retryable;
  }
}

/**
 * Whether the transaction commits is not known yet. It will be settled the same way in every database,
 * by this coordinator or after its next opening. Repeating it could do it twice.
 *
 * @example Keep the id
 * ```ts
 * import { OutcomeUnknownError } from "@indoubt/coordinator";
 *
 * const error = new OutcomeUnknownError("7000000000042", "the log's disk failed");
 * console.assert(error.transactionId === "7000000000042");
 * ```
 */
export class OutcomeUnknownError extends Error {
  /** Always `"OutcomeUnknownError"`. */
  override readonly name = "OutcomeUnknownError";
  /** Id of the transaction. */
  readonly transactionId: string;

  /**
   * Says why.
   *
   * @param transactionId Id of the transaction.
   * @param reason Why, without a final full stop.
   * @param options The cause.
   */
  constructor(transactionId: string, reason: string, options?: ErrorOptions) {
    super(
      `Cannot tell whether transaction ${transactionId} commits: ${reason}, ` +
        "do not repeat it before its outcome is known",
      options,
    );
    this.transactionId = transactionId;
  }
}

/** A branch whose end is not the one its transaction decided. */
export interface HeuristicBranch {
  /** Name of the participant. */
  readonly participant: string;
  /** The branch's gid. */
  readonly gid: string;
  /** What became of it there. */
  readonly outcome: "committed" | "rolled back" | "unknown";
}

/**
 * Someone other than this coordinator ended a branch, or its database no longer knows it: the databases
 * may disagree. It is kept in the log until a person has looked at it.
 *
 * @example See which database
 * ```ts
 * import { HeuristicOutcomeError } from "@indoubt/coordinator";
 *
 * const error = new HeuristicOutcomeError("7000000000042", "committed", [
 *   { participant: "orders", gid: "indoubt_x_7000000000042_0", outcome: "rolled back" },
 * ]);
 * console.assert(error.branches[0]?.participant === "orders");
 * ```
 */
export class HeuristicOutcomeError extends Error {
  /** Always `"HeuristicOutcomeError"`. */
  override readonly name = "HeuristicOutcomeError";
  /** Id of the transaction. */
  readonly transactionId: string;
  /** What the transaction decided. */
  readonly decision: "committed" | "rolled back";
  /** The branches that ended otherwise. */
  readonly branches: readonly HeuristicBranch[];

  /**
   * Names the branches.
   *
   * @param transactionId Id of the transaction.
   * @param decision What the transaction decided.
   * @param branches The branches that ended otherwise.
   * @param options The cause.
   */
  constructor(
    transactionId: string,
    decision: "committed" | "rolled back",
    branches: readonly HeuristicBranch[],
    options?: ErrorOptions,
  ) {
    const list = branches
      .map(({ participant, gid, outcome }) => `"${participant}" (${gid}: ${outcome})`).join(", ");
    super(
      `Cannot keep transaction ${transactionId} whole: it was ${decision}, but not in ${list}, ` +
        "compare the databases by hand",
      options,
    );
    this.transactionId = transactionId;
    this.decision = decision;
    this.branches = branches;
  }
}

/**
 * A database is reached but cannot take part before something is changed there.
 *
 * @example Name the participant
 * ```ts
 * import { ParticipantConfigurationError } from "@indoubt/coordinator";
 *
 * const error = new ParticipantConfigurationError("orders", "prepared transactions are disabled");
 * console.assert(error.participant === "orders");
 * ```
 */
export class ParticipantConfigurationError extends Error {
  /** Always `"ParticipantConfigurationError"`. */
  override readonly name = "ParticipantConfigurationError";
  /** Name of the participant; empty when an adapter throws it, since only the coordinator knows it. */
  readonly participant: string;
  /** What is wrong and what would be right, without the name. */
  readonly reason: string;

  /**
   * Says what to change.
   *
   * @param participant Name of the participant.
   * @param reason What is wrong and what would be right, without a final full stop.
   * @param options The cause.
   */
  constructor(participant: string, reason: string, options?: ErrorOptions) {
    super(`Cannot use participant "${participant}": ${reason}`, options);
    this.participant = participant;
    this.reason = reason;
  }
}

/**
 * The database behind a participant's name is not the one that the log remembers under it.
 *
 * @example Compare the two
 * ```ts
 * import { ParticipantIdentityError } from "@indoubt/coordinator";
 *
 * const error = new ParticipantIdentityError("orders", "postgresql:1/5", "postgresql:2/5");
 * console.assert(error.expected !== error.found);
 * ```
 */
export class ParticipantIdentityError extends Error {
  /** Always `"ParticipantIdentityError"`. */
  override readonly name = "ParticipantIdentityError";
  /** Name of the participant. */
  readonly participant: string;
  /** Identity that the log remembers. */
  readonly expected: string;
  /** Identity of the database that answers now. */
  readonly found: string;

  /**
   * Names both databases.
   *
   * @param participant Name of the participant.
   * @param expected Identity that the log remembers.
   * @param found Identity of the database that answers now.
   */
  constructor(participant: string, expected: string, found: string) {
    super(
      `Cannot use participant "${participant}": it is database ${found}, but the log knows ` +
        `${expected} under this name, connect it to that database or give the new one another name`,
    );
    this.participant = participant;
    this.expected = expected;
    this.found = found;
  }
}

/**
 * A database cannot be reached at present.
 *
 * @example Name the participant
 * ```ts
 * import { ParticipantUnavailableError } from "@indoubt/coordinator";
 *
 * const error = new ParticipantUnavailableError("orders", { cause: new Error("refused") });
 * console.assert(error.participant === "orders");
 * ```
 */
export class ParticipantUnavailableError extends Error {
  /** Always `"ParticipantUnavailableError"`. */
  override readonly name = "ParticipantUnavailableError";
  /** Name of the participant. */
  readonly participant: string;

  /**
   * Names the participant.
   *
   * @param participant Name of the participant.
   * @param options The cause.
   */
  constructor(participant: string, options?: ErrorOptions) {
    const cause = options?.cause instanceof Error ? ` (${options.cause.message})` : "";
    super(
      `Cannot reach participant "${participant}"${cause}: it is tried again until it answers, ` +
        "see that the database runs, and that address, user and this program's permissions are right",
      options,
    );
    this.participant = participant;
  }
}

/**
 * The coordinator is closed or closing and takes no new work.
 *
 * @example Recognize it
 * ```ts
 * import { CoordinatorClosedError } from "@indoubt/coordinator";
 *
 * console.assert(new CoordinatorClosedError().name === "CoordinatorClosedError");
 * ```
 */
export class CoordinatorClosedError extends Error {
  /** Always `"CoordinatorClosedError"`. */
  override readonly name = "CoordinatorClosedError";

  /** Says so. */
  constructor() {
    super("Cannot begin a transaction: the coordinator is closed, open it again first");
  }
}

/**
 * The database's transaction that a branch began is no longer its session's: the application ended it
 * with a statement of its own. Thrown by adapters, seen by callers as {@linkcode HeuristicOutcomeError}.
 *
 * @example Recognize it as the cause
 * ```ts
 * import { BranchEndedError, HeuristicOutcomeError } from "@indoubt/coordinator";
 *
 * const error: unknown = new HeuristicOutcomeError("7000000000042", "rolled back", [], {
 *   cause: new BranchEndedError(),
 * });
 * console.assert(error instanceof Error && error.cause instanceof BranchEndedError);
 * ```
 */
export class BranchEndedError extends Error {
  /** Always `"BranchEndedError"`. */
  override readonly name = "BranchEndedError";

  /** Says so. */
  constructor() {
    super(
      "Cannot commit a branch: its transaction was ended by a statement of the application, " +
        "leave BEGIN, COMMIT, ROLLBACK and PREPARE to the coordinator",
    );
  }
}

/**
 * The session of a branch was lost before PREPARE or COMMIT was sent in it: its database rolls the branch
 * back, and the transaction may be begun again. Thrown by adapters.
 *
 * A statement of the function that meets it is rejected with it, or with the driver's own error where the
 * statement was under way; as every error of the function, `transaction` throws it as it is. Where the commit
 * meets it, it is the cause of a {@linkcode TransactionAbortedError}. The option `retry` knows all three.
 *
 * @example Recognize it, as the error or as the cause
 * ```ts
 * import { BranchLostError } from "@indoubt/coordinator";
 *
 * const error = new BranchLostError({ cause: new Error("read ECONNRESET") });
 * console.assert(error.message.includes("read ECONNRESET"));
 * ```
 */
export class BranchLostError extends Error {
  /** Always `"BranchLostError"`. */
  override readonly name = "BranchLostError";

  /**
   * Says so.
   *
   * @param options The driver's error.
   */
  constructor(options?: ErrorOptions) {
    const cause = options?.cause instanceof Error ? ` (${options.cause.message})` : "";
    super(
      `Cannot go on with a branch: the connection to its database was lost${cause}, ` +
        "begin another transaction",
      options,
    );
  }
}
