/**
 * Names of branches: `indoubt_<coordinator id>_<transaction>_<branch>`. At most 64 bytes, which XA allows
 * too, of `[A-Za-z0-9_.-]` only, so that a gid can stand in a statement that takes no parameters. A gid is
 * made once (`branch_facts.ts`), kept in the log as it is, and never made again from what is read there.
 *
 * @module
 */

import { parseTransactionNumber } from "./transaction_id.ts";

const MAX_GID_LENGTH = 64;
/** How the gids of a transaction's first branches end: nearly all, and made once. */
const ENDINGS = Array.from({ length: 10 }, (_, branch) => `_${branch}`);
const SAFE_GID = /^[A-Za-z0-9_.-]+$/;

/**
 * What all gids of a coordinator begin with.
 *
 * @param coordinator The coordinator's id.
 * @returns The prefix, with the separator at its end.
 * @throws {RangeError} If it could not stand in a statement.
 */
export function gidPrefix(coordinator: string): string {
  return assertSafeGid(prefixOf(coordinator));
}

/** What the gids of all coordinators begin with. */
export const GID_FAMILY = "indoubt_";

/**
 * The coordinator to which a gid belongs.
 *
 * @param gid A gid as a database lists it.
 * @returns The coordinator's id, or `null` if no coordinator of this kind made the gid.
 */
export function coordinatorOfGid(gid: string): string | null {
  const [family, coordinator] = gid.split("_");
  if (`${family}_` !== GID_FAMILY || coordinator === undefined) return null;
  return transactionOfGid(coordinator, gid) === null ? null : coordinator;
}

/**
 * Makes the gid of a branch.
 *
 * @param prefix What {@linkcode gidPrefix} gave: what is put behind it here is as safe as it is.
 * @param transaction The transaction's id.
 * @param branch Place of the branch in its transaction, from 0.
 * @returns The gid.
 * @throws {RangeError} If it is too long.
 */
export function makeGid(prefix: string, transaction: string, branch: number): string {
  const gid = prefix + transaction + (ENDINGS[branch] ?? `_${branch}`);
  return gid.length <= MAX_GID_LENGTH ? gid : assertSafeGid(gid);
}

/**
 * The transaction to which a gid of this coordinator belongs.
 *
 * @param coordinator The coordinator's id.
 * @param gid A gid as a database lists it.
 * @returns The transaction's number, or `null` if the gid is not of this coordinator.
 */
export function transactionOfGid(coordinator: string, gid: string): bigint | null {
  const prefix = prefixOf(coordinator);
  if (!gid.startsWith(prefix) || gid.length > MAX_GID_LENGTH) return null;
  const [transaction, branch, ...rest] = gid.slice(prefix.length).split("_");
  if (transaction === undefined || branch === undefined || rest.length > 0) return null;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(branch)) return null;
  return parseTransactionNumber(transaction);
}

/**
 * Whether a gid may stand in a statement.
 *
 * @param gid The gid.
 * @returns False if it is too long or has a character that is not allowed.
 */
export function isSafeGid(gid: string): boolean {
  return gid.length <= MAX_GID_LENGTH && SAFE_GID.test(gid);
}

/**
 * Sees that a gid may stand in a statement.
 *
 * @param gid The gid.
 * @returns The same gid.
 * @throws {RangeError} If it is too long or has a character that is not allowed.
 */
export function assertSafeGid(gid: string): string {
  if (!isSafeGid(gid)) {
    throw new RangeError(
      `Cannot use ${JSON.stringify(gid)} as a gid: it must have 1 to ${MAX_GID_LENGTH} ` +
        "characters of [A-Za-z0-9_.-]",
    );
  }
  return gid;
}

function prefixOf(coordinator: string): string {
  return `${GID_FAMILY}${coordinator}_`;
}
