/**
 * The fields of a record's payload: what may be written, and what a reader takes for what it must be.
 * Nothing that a reader would refuse can be written.
 *
 * @module
 */

import { decode } from "@std/msgpack/decode";
import type { ValueMap, ValueType } from "@std/msgpack";
import { decodePlain } from "./plain_payload.ts";

const MAX_NUMBER = 2n ** 64n - 1n;

/** Text that UTF-8 cannot hold would come back as another. */
export function packText(text: string): string {
  if (text.isWellFormed()) return text;
  throw new RangeError(
    `Cannot encode a record: ${JSON.stringify(text)} has half a surrogate pair, it must be Unicode`,
  );
}

/** A number that the decoder would refuse must not get into the log. */
export function packNumber(txn: bigint): bigint {
  if (typeof txn === "bigint" && txn >= 0n && txn <= MAX_NUMBER) return txn;
  throw new RangeError(`Cannot encode a record: txn is ${txn}, it must be a bigint of 64 bits`);
}

/** Says that a value is not what its place is for. */
export function refuse(what: string, value: unknown): never {
  throw new TypeError(`Cannot decode a record: ${what} is ${JSON.stringify(String(value))}`);
}

/** A value that is text. */
export function text(value: ValueType | undefined, what: string): string {
  return typeof value === "string" ? value : refuse(what, value);
}

/** A value that is a number of 64 bits without sign. */
export function integer64(value: ValueType | undefined, what: string): bigint {
  if (typeof value === "bigint" && value >= 0n && value <= MAX_NUMBER) return value;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  return refuse(what, value);
}

/** A value that is a list. */
export function list(value: ValueType | undefined, what: string): readonly ValueType[] {
  return Array.isArray(value) ? value : refuse(what, value);
}

/** A value that is bytes. */
export function bytes(value: ValueType | undefined, what: string): Uint8Array {
  return value instanceof Uint8Array ? value : refuse(what, value);
}

/** A payload that is a map. */
export function unpackMap(payload: Uint8Array): ValueMap {
  const value = decodePlain(payload) ?? decode(payload);
  if (
    typeof value !== "object" || value === null || Array.isArray(value) ||
    value instanceof Uint8Array
  ) return refuse("payload", value);
  return value as ValueMap;
}
