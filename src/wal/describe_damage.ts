/**
 * Damage in words: the same ones in a verdict, in `inspect` and in `verify`.
 *
 * @module
 */

import type { Damage } from "./segment_scan.ts";

/**
 * Says in words what is wrong at a damaged place.
 *
 * @param damage The damage.
 * @returns The words, for the name of the file to stand before them.
 */
export function describeDamage({ offset, lsn, nextLsn, reason, flippedBit }: Damage): string {
  const count = nextLsn - lsn;
  const lost = count > 0
    ? `, ${count === 1 ? "1 record is" : `up to ${count} records are`} lost`
    : "";
  const bit = flippedBit === null
    ? ""
    : ` (one turned bit explains it: bit ${flippedBit.bit} of byte ${offset + flippedBit.byte})`;
  return `at offset ${offset} (LSN ${lsn}) ${reason}${lost}${bit}`;
}
