/**
 * What happens in a coordinator besides the calls to it, for logs and dashboards.
 *
 * @module
 */

/** Names one branch in an event. */
export interface BranchName {
  /** Id of the transaction. */
  readonly transactionId: string;
  /** Name of the participant. */
  readonly participant: string;
  /** The branch's gid. */
  readonly gid: string;
}

/** Something that happened. */
export type CoordinatorEvent =
  /** A participant was checked and takes part from now on; what it holds prepared is looked at next. */
  | { readonly type: "participant-ready"; readonly participant: string }
  /** A participant cannot be reached; it is tried again. */
  | {
    readonly type: "participant-unavailable";
    readonly participant: string;
    readonly error: unknown;
  }
  /** A participant was reached but must not be used; it is tried again, rarely. */
  | { readonly type: "participant-refused"; readonly participant: string; readonly error: unknown }
  /** The resolver has settled a branch that was in doubt. */
  | (BranchName & {
    readonly type: "branch-settled";
    readonly outcome: "committed" | "rolled back";
  })
  /** Records of the log were lost; undecided transactions of that time are left alone. */
  | {
    readonly type: "log-damaged";
    readonly file: string;
    readonly reason: string;
    /** Transactions begun in this or an earlier opening are meant. */
    readonly epoch: number;
  }
  /**
   * A branch is prepared whose decision may have been in a damaged part of the log, or whose number this
   * coordinator never gave out (`duplicate`): another one uses a copy of its directory.
   */
  | (BranchName & { readonly type: "branch-uncertain"; readonly reason: "damage" | "duplicate" })
  /**
   * A database has held branches of another coordinator for half a minute or more. They are its affair, unless
   * its log is lost. Told once, and again when there were none for a while.
   */
  | {
    readonly type: "foreign-branches";
    readonly participant: string;
    /** Id of the other coordinator. */
    readonly coordinator: string;
    readonly gids: readonly string[];
  }
  /** Settling a branch failed for now; it is tried again. */
  | (BranchName & { readonly type: "branch-delayed"; readonly error: unknown })
  /** Settling a branch needs a person; it is kept, and tried again rarely. */
  | (BranchName & { readonly type: "branch-stuck"; readonly error: unknown })
  /** A branch did not end as its transaction decided; it is kept in the log. */
  | (BranchName & {
    readonly type: "heuristic-outcome";
    readonly outcome: "committed" | "rolled back" | "unknown";
  });

/** Takes events. */
export type CoordinatorEventListener = (event: CoordinatorEvent) => void;

/**
 * The listener of a coordinator that was given none: what a person should know goes to the console.
 *
 * @param event The event.
 */
export function warnOnConsole(event: CoordinatorEvent): void {
  if (event.type === "participant-ready" || event.type === "branch-settled") return;
  const { type, ...details } = event;
  console.warn(`indoubt: ${type}`, details);
}
