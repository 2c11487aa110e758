/**
 * What verifying a log directory comes to.
 *
 * @module
 */

import type { ActiveTransaction } from "./decisions/record.ts";
import type { VerdictRecord } from "./head.ts";
import type { LogFormat } from "./inspect_item.ts";
import type { PgdogTransaction } from "./pgdog/record.ts";

/**
 * `sound`: everything that was synced can be read. `damaged`: something is missing, or was, and no
 * operator has cleared it. `cannot_tell`: there is no log, it cannot be read, or a newer version wrote it.
 */
export type LogVerdict = "sound" | "damaged" | "cannot_tell";

/** Something that is said about a file. */
export interface FileFinding {
  /** Name of the file; empty if the log as a whole is meant. */
  readonly file: string;
  /** What is said. */
  readonly reason: string;
}

/** What the next opening of a log would do. */
export interface NextOpening {
  /** Its number. */
  readonly epoch: number;
  /** Number of its first record. */
  readonly firstLsn: number;
  /** Damaged files that it would set aside; known only of a coordinator's log, else it depends on the model. */
  readonly setAside: readonly string[];
  /** Files that it would remove, since the new segment restates what is in them; as `setAside`. */
  readonly remove: readonly string[];
}

/** What verifying came to. */
export interface VerifyReport {
  /** The log directory. */
  readonly directory: string;
  /** In one word. */
  readonly verdict: LogVerdict;
  /** Why nothing can be said, or why the log would not open; empty otherwise. */
  readonly reason: string;
  /** Who wrote the log; `null` if that is not known. */
  readonly format: LogFormat | null;
  /**
   * Whether the records are an application's own (`./wal`), not a coordinator's: they are in their places
   * and their checksums are right, but what they say is not checked. `null` if no record of either can be read:
   * then the log is either's.
   */
  readonly application: boolean | null;
  /** Whether the directory is a copy, which is opened only if somebody vouches for it. */
  readonly copied: boolean;
  /** Id of the log; `null` if it is not known. */
  readonly id: string | null;
  /** Number of the latest opening; 0 if it is not known. */
  readonly epoch: number;
  /** Number of the next record; `null` if it is not known. */
  readonly nextLsn: number | null;
  /** Damage that is there now and that no verdict in the log knows. */
  readonly found: readonly FileFinding[];
  /** Damage of which nothing depends: a later segment says everything again. */
  readonly harmless: readonly FileFinding[];
  /** Files that may have been meant as segments and are not read. */
  readonly passedOver: readonly FileFinding[];
  /** Damaged files that were set aside earlier; nobody removes them but a person. */
  readonly setAside: readonly string[];
  /** Verdicts on damage in the log, which stand until an operator clears them. */
  readonly verdicts: readonly VerdictRecord[];
  /** Transactions that are decided and not finished: they must commit. */
  readonly decided: readonly (ActiveTransaction | PgdogTransaction)[];
  /** Transactions that were begun and for which no decision can be read. */
  readonly undecided: readonly (ActiveTransaction | PgdogTransaction)[];
  /**
   * Transactions of this and earlier openings must not be presumed aborted, whether they are listed
   * here or not; `null` if there are none such. (pgdog knows no openings: if a log of it is damaged, none
   * of its undecided transactions may be presumed aborted.)
   */
  readonly uncertainUpTo: number | null;
  /** What the next opening would do; `null` if it would be refused or if there is no log. */
  readonly nextOpening: NextOpening | null;
}

/** A report that says nothing yet. */
export const EMPTY_REPORT: Omit<VerifyReport, "directory" | "verdict"> = {
  reason: "",
  format: null,
  copied: false,
  application: null,
  id: null,
  epoch: 0,
  nextLsn: null,
  found: [],
  harmless: [],
  passedOver: [],
  setAside: [],
  verdicts: [],
  decided: [],
  undecided: [],
  uncertainUpTo: null,
  nextOpening: null,
};
