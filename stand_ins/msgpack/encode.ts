/**
 * Stand-in for `@std/msgpack/encode`. It guarantees byte for byte what version 1.0.3 writes: bigints
 * in nine bytes, other integers from 2^32 on as float 64, lone surrogates as U+FFFD; and it refuses
 * what that version refuses, with the same error. `@msgpack/msgpack` does the encoding. One exception:
 * keys of a map that differ in nothing but lone surrogates become one key here.
 *
 * @module
 */

import { Encoder } from "@msgpack/msgpack";

/** Value types that can be encoded to MessagePack. */
export type ValueType =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly ValueType[]
  | ValueMap;

/** Value map that can be encoded to MessagePack. */
export interface ValueMap {
  /** Value map entry */
  [index: string | number]: ValueType;
}

const encoder = new Encoder({ useBigInt64: true, maxDepth: Infinity });

/**
 * Encode a value to MessagePack binary format.
 *
 * @param object Value to encode
 * @returns Encoded binary data, in a buffer of its own
 */
export function encode(object: ValueType): Uint8Array<ArrayBuffer> {
  return encoder.encode(prepare(object));
}

/** The same value as the library must see it, or the error of the original. */
function prepare(value: unknown): unknown {
  switch (typeof value) {
    case "boolean":
    case "number":
      return value;
    case "string":
      return value.toWellFormed();
    case "bigint":
      if (value !== BigInt.asUintN(64, value) && value !== BigInt.asIntN(64, value)) {
        throw new Error("Cannot safely encode bigint larger than 64 bits");
      }
      return value;
  }
  if (value === null || value instanceof Uint8Array) return value;
  // Unlike `map`, `from` also visits holes: they are undefined, which is refused.
  if (Array.isArray(value)) return Array.from(value, prepare);

  const prototype: unknown = Object.getPrototypeOf(value); // throws on undefined, as the original
  if (prototype === null || prototype === Object.prototype) {
    return Object.fromEntries(
      Object.entries(Object(value)).map(([key, entry]) => [key.toWellFormed(), prepare(entry)]),
    );
  }
  throw new Error("Cannot safely encode value into messagepack");
}
