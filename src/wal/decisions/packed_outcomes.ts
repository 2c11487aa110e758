/**
 * How outcomes are written: transactions that end one after another have numbers close together, so each outcome
 * is one integer, the distance of its transaction from the one before (the first from 0). The integer is twice
 * the distance if that is not negative, else twice its amount less one (zigzag); doubled again, and one more if
 * the transaction committed; seven bits in a byte, the lowest first, the top bit set in all but the last (LEB128,
 * as protocol buffers write integers). An outcome that follows its neighbour takes one byte.
 *
 * @module
 */

import { packNumber, refuse } from "./fields.ts";
import type { Outcome } from "./outcomes.ts";

const MAX_NUMBER = 2n ** 64n - 1n;
/** A distance of 64 bits, its sign and the outcome have 66 bits. */
const MAX_BYTES = 10;
/** So many bytes fit into a number that is exact. */
const EXACT_BYTES = 7;
/** A distance below this, doubled twice, is exact. */
const EXACT_DISTANCE = 2n ** 50n;

/**
 * Packs outcomes.
 *
 * @param outcomes The outcomes, in their order.
 * @returns The bytes.
 * @throws {RangeError} If a number does not have 64 bits without sign.
 */
export function packOutcomes(outcomes: readonly Outcome[]): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(1024);
  let length = 0;
  let last = 0n;
  for (const { txn, committed } of outcomes) {
    if (length + MAX_BYTES > bytes.length) {
      const grown = new Uint8Array(2 * bytes.length);
      grown.set(bytes);
      bytes = grown;
    }
    const distance = packNumber(txn) - last;
    last = txn;
    if (distance < EXACT_DISTANCE && distance > -EXACT_DISTANCE) {
      const step = Number(distance);
      let rest = (step < 0 ? -2 * step - 1 : 2 * step) * 2 + (committed ? 1 : 0);
      for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes[length++] = rest % 0x80 + 0x80;
      bytes[length++] = rest;
    } else {
      const sign = distance < 0n ? -distance * 2n - 1n : distance * 2n;
      let rest = sign * 2n + (committed ? 1n : 0n);
      for (; rest > 0x7fn; rest >>= 7n) bytes[length++] = Number(rest & 0x7fn) + 0x80;
      bytes[length++] = Number(rest);
    }
  }
  return bytes.slice(0, length);
}

/**
 * Unpacks outcomes.
 *
 * @param bytes What {@linkcode packOutcomes} gave.
 * @returns The outcomes, in their order.
 * @throws {TypeError} If the bytes are nothing that it gives.
 */
export function unpackOutcomes(bytes: Uint8Array): Outcome[] {
  const outcomes: Outcome[] = [];
  let last = 0n;
  for (let at = 0; at < bytes.length;) {
    const start = at;
    while (bytes[at]! > 0x7f) at++;
    at++;
    if (at > bytes.length || at - start > MAX_BYTES) {
      return refuse("outcome", `${at - start} bytes`);
    }
    let distance: bigint;
    let committed: boolean;
    if (at - start <= EXACT_BYTES) {
      let value = 0;
      for (let index = at - 1; index >= start; index--) value = value * 0x80 + bytes[index]! % 0x80;
      committed = value % 2 === 1;
      const sign = Math.floor(value / 2);
      distance = BigInt(sign % 2 === 0 ? sign / 2 : -(sign + 1) / 2);
    } else {
      let value = 0n;
      for (let index = at - 1; index >= start; index--) {
        value = (value << 7n) | BigInt(bytes[index]! & 0x7f);
      }
      committed = (value & 1n) === 1n;
      const sign = value >> 1n;
      distance = (sign & 1n) === 0n ? sign >> 1n : -((sign + 1n) >> 1n);
    }
    last += distance;
    if (last < 0n || last > MAX_NUMBER) return refuse("outcome", last);
    outcomes.push({ txn: last, committed });
  }
  return outcomes;
}
