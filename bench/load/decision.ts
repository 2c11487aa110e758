/**
 * A decision as a coordinator writes most: two databases.
 *
 * @module
 */

import type { LogRecord } from "../../src/wal/decisions/record.ts";

/** The decision of a transaction. */
export function decision(txn: bigint): LogRecord {
  const branches = ["orders", "billing"].map((participant, index) => ({
    participant,
    gid: `indoubt_0123456789ab_${txn}_${index}`,
    token: String(txn),
  }));
  return { type: "committing", txn, branches };
}
