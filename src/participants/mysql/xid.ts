/**
 * A gid as an XA transaction identifier, and back.
 *
 * The gid is the whole global part (`gtrid`, at most 64 bytes, as long as a gid may be); the branch qualifier is
 * empty. MySQL wants the qualifiers of one global part to differ, and no two branches share one: the
 * number of the branch is in the gid already. The format id is the coordinator's own, so that branches of other
 * transaction managers on the same server are never taken for ours.
 *
 * @module
 */

import { assertSafeGid } from "../../coordinator/gid.ts";

/** The four letters "indt". */
const FORMAT_ID = 0x696e6474;

/** One row of XA RECOVER: format id, length of the global part, length of the qualifier, both parts. */
type RecoveredRow = readonly (string | null)[];

/**
 * The identifier that stands in a statement.
 *
 * @param gid The branch.
 * @returns The text.
 * @throws {RangeError} If the gid may not stand in a statement.
 */
export function xidOf(gid: string): string {
  return `'${assertSafeGid(gid)}','',${FORMAT_ID}`;
}

/**
 * The gid of a branch that a server lists.
 *
 * @param row What XA RECOVER says about it.
 * @returns The gid, or `null` if the branch is another transaction manager's.
 */
export function gidOfRecovered([formatId, , qualifierLength, data]: RecoveredRow): string | null {
  if (Number(formatId) !== FORMAT_ID || qualifierLength !== "0") return null;
  return data ?? null;
}
