/**
 * A number of 64 bits in two halves, as the core's table and arrays of 32 bits hold it.
 *
 * @module
 */

/**
 * A number from its halves.
 *
 * @param high The high half, unsigned 32 bits.
 * @param low The low half.
 * @returns The number, of 64 bits.
 */
export function numberOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
