/**
 * A number of 64 bits in two halves, as the core's table and arrays of 32 bits hold it.
 *
 * @module
 */

/** A number and its halves, little end first, as every machine has them that Deno runs on. */
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

/**
 * The halves of a number, without what BigInt's own arithmetic would make for them.
 *
 * @param number The number, of 64 bits.
 * @returns The low half, then the high one; valid until the next call.
 */
export function halvesOf(number: bigint): Uint32Array {
  whole[0] = number;
  return halves;
}

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
