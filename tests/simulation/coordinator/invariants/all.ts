/** All invariants, in the order of their numbers. */

import { type Evidence, InvariantViolation } from "../evidence.ts";
import { checkSameOutcome } from "./i01_same_outcome.ts";
import { checkCommitted } from "./i02_committed.ts";
import { checkAborted } from "./i03_aborted.ts";
import { checkUnknown } from "./i04_unknown.ts";
import { checkForeign } from "./i05_foreign.ts";
import { checkLiveness } from "./i06_liveness.ts";
import { checkLog } from "./i07_log.ts";
import { checkFailedAppend } from "./i08_failed_append.ts";
import { checkOrder } from "./i09_order.ts";
import { checkSegments } from "./i10_segments.ts";
import { checkBounds } from "./i11_bounds.ts";

/** What can be asked for in a world. */
export interface Abilities {
  /** Whether a database can prove how a transaction has ended. */
  canProve(name: string): boolean;
  /** Whether the log keeps every outcome. */
  readonly keepsOutcomes: boolean;
}

/** Sees that every invariant holds. */
export function checkAll(evidence: Evidence, { canProve, keepsOutcomes }: Abilities): void {
  if (evidence.surprises.length + evidence.misuse.length > 0) {
    throw new InvariantViolation(
      "Contract",
      [...evidence.surprises, ...evidence.misuse].join("; "),
    );
  }
  // What goes wrong first is said first.
  checkOrder(evidence);
  checkLog(evidence);
  checkSegments(evidence);
  checkFailedAppend(evidence);
  checkForeign(evidence);
  checkSameOutcome(evidence);
  checkCommitted(evidence, canProve);
  checkAborted(evidence, canProve);
  checkUnknown(evidence, keepsOutcomes);
  checkLiveness(evidence);
  checkBounds(evidence);
}
