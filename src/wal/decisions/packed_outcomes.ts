/**
 * How outcomes are written: transactions that end one after another have numbers close together, so each outcome
 * is one integer, the distance of its transaction from the one before (the first from 0). The integer is twice
 * the distance if that is not negative, else twice its amount less one (zigzag); doubled again, and one more if
 * the transaction committed; seven bits in a byte, the lowest first, the top bit set in all but the last (LEB128,
 * as protocol buffers write integers). An outcome that follows its neighbour takes one byte.
 *
 * @module
 */

import { packNumber, refuse } from "../fields.ts";
import { halvesOf, numberOf } from "../halves.ts";
import { type Outcome, type OutcomeRow, Outcomes } from "./outcomes.ts";

const MAX_NUMBER = 2n ** 64n - 1n;
const HALF = 2 ** 32;
/** A distance of 64 bits, its sign and the outcome have 66 bits. */
const MAX_BYTES = 10;
/** So many values fit into a byte that no other follows. */
const SHORT = 0x80;
/** A distance below this, doubled twice, fits into one byte. */
const SHORT_DISTANCE = SHORT / 4;

/** Outcomes in their order: few by hand, or all that are kept. */
export type OutcomeList = readonly Outcome[] | Outcomes;

/**
 * Packs outcomes.
 *
 * @param outcomes The outcomes, in their order.
 * @returns The bytes.
 * @throws {RangeError} If a number does not have 64 bits without sign.
 */
export function packOutcomes(outcomes: OutcomeList): Uint8Array<ArrayBuffer> {
  const { highs, lows, committed } = rowOf(outcomes);
  const count = lows.length;
  let bytes = new Uint8Array(count + MAX_BYTES);
  let length = 0;
  // Exact below 2^53; larger numbers are never taken for neighbours.
  let last = 0;
  for (let index = 0; index < count; index++) {
    const number = highs[index]! * HALF + lows[index]!;
    const distance = number - last;
    last = number;
    if (
      distance > 0 && distance < SHORT_DISTANCE && number <= Number.MAX_SAFE_INTEGER &&
      length < bytes.length
    ) {
      bytes[length++] = distance * 4 + committed[index]!;
      continue;
    }
    if (length + MAX_BYTES > bytes.length) {
      const grown = new Uint8Array(2 * bytes.length);
      grown.set(bytes);
      bytes = grown;
    }
    const before = index === 0 ? 0n : numberOf(highs[index - 1]!, lows[index - 1]!);
    const far = numberOf(highs[index]!, lows[index]!) - before;
    const sign = far < 0n ? -far * 2n - 1n : far * 2n;
    let rest = sign * 2n + BigInt(committed[index]!);
    for (; rest > 0x7fn; rest >>= 7n) bytes[length++] = Number(rest & 0x7fn) + SHORT;
    bytes[length++] = Number(rest);
  }
  return bytes.slice(0, length);
}

function rowOf(outcomes: OutcomeList): OutcomeRow {
  if (outcomes instanceof Outcomes) return outcomes.row();
  const all = new Outcomes(outcomes.length);
  for (const { txn, committed } of outcomes) all.add(packNumber(txn), committed);
  return all.row();
}

/**
 * Unpacks outcomes.
 *
 * @param bytes What {@linkcode packOutcomes} gave.
 * @returns The outcomes, in their order.
 * @throws {TypeError} If the bytes are nothing that it gives.
 */
export function unpackOutcomes(bytes: Uint8Array): Outcomes {
  // Each takes a byte at least.
  const highs = new Uint32Array(bytes.length);
  const lows = new Uint32Array(bytes.length);
  const committed = new Uint8Array(bytes.length);
  let count = 0;
  // Exact below 2^53, and never above.
  let last = 0;
  for (let at = 0; at < bytes.length; count++) {
    const byte = bytes[at]!;
    if (byte < SHORT && last < Number.MAX_SAFE_INTEGER - SHORT) {
      const sign = byte >> 1;
      const number = last + ((sign & 1) === 0 ? sign >> 1 : -((sign + 1) >> 1));
      if (number < 0) return refuse("outcome", number);
      // What an array of 32 bits is given is taken modulo 2^32, and without its fraction.
      lows[count] = number;
      highs[count] = number / HALF;
      committed[count] = byte & 1;
      last = number;
      at++;
      continue;
    }
    const start = at;
    while (bytes[at]! >= SHORT) at++;
    at++;
    if (at > bytes.length || at - start > MAX_BYTES) {
      return refuse("outcome", `${at - start} bytes`);
    }
    let value = 0n;
    for (let index = at - 1; index >= start; index--) {
      value = (value << 7n) | BigInt(bytes[index]! & 0x7f);
    }
    const sign = value >> 1n;
    const before = count === 0 ? 0n : numberOf(highs[count - 1]!, lows[count - 1]!);
    const txn = before + ((sign & 1n) === 0n ? sign >> 1n : -((sign + 1n) >> 1n));
    if (txn < 0n || txn > MAX_NUMBER) return refuse("outcome", txn);
    const halves = halvesOf(txn);
    lows[count] = halves[0]!;
    highs[count] = halves[1]!;
    committed[count] = Number(value & 1n);
    last = Number(txn);
  }
  return Outcomes.of({
    highs: highs.subarray(0, count),
    lows: lows.subarray(0, count),
    committed: committed.subarray(0, count),
  });
}
