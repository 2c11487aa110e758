/**
 * A commit that must abort.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { TransactionAbortedError } from "../../../src/coordinator/errors.ts";
import type { BenchTransaction, Workbench } from "./workbench.ts";

/** Rows of a workbench's databases when nothing was committed. */
export const EMPTY = { north: [], south: [] };

/** Commits a transaction, sees that it aborts without a decision, and gives the error. */
export async function abort(
  bench: Workbench,
  transaction: BenchTransaction,
): Promise<TransactionAbortedError> {
  const error = await assertRejects(
    () => bench.clock.run(transaction.commit()),
    TransactionAbortedError,
  );
  assertEquals([transaction.state, error.transactionId], ["aborted", transaction.id]);
  assertEquals(bench.trace.count("log decide"), 0);
  return error;
}
