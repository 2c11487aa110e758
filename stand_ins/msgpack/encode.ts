/**
 * Stand-in for `@std/msgpack/encode`. It guarantees byte for byte what version 1.0.3 writes: bigints
 * in nine bytes, other integers from 2^32 on as float 64, lone surrogates as U+FFFD; and it refuses
 * what that version refuses, with the same error. It imports nothing, as the original imports next to
 * nothing: loading a package from npm takes Deno longer than all of this project.
 *
 * @module
 */

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

/** A head byte for each width of a size: in the byte itself, and in 1, 2 and 4 bytes behind it. */
interface Heads {
  readonly small: { readonly type: number; readonly below: number } | null;
  readonly wide8: number | null;
  readonly wide16: number;
  readonly wide32: number;
}

const TEXT: Heads = { small: { type: 0xa0, below: 32 }, wide8: 0xd9, wide16: 0xda, wide32: 0xdb };
const BYTES: Heads = { small: null, wide8: 0xc4, wide16: 0xc5, wide32: 0xc6 };
const ARRAY: Heads = { small: { type: 0x90, below: 16 }, wide8: null, wide16: 0xdc, wide32: 0xdd };
const MAP: Heads = { small: { type: 0x80, below: 16 }, wide8: null, wide16: 0xde, wide32: 0xdf };

const utf8 = new TextEncoder();

/**
 * Encode a value to MessagePack binary format.
 *
 * @param object Value to encode
 * @returns Encoded binary data, in a buffer of its own
 */
export function encode(object: ValueType): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  put(pieces, object);
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

function put(pieces: Uint8Array[], value: unknown): void {
  switch (typeof value) {
    case "boolean":
      return void pieces.push(Uint8Array.of(value ? 0xc3 : 0xc2));
    case "number":
      return void pieces.push(numberBytes(value));
    case "bigint":
      return void pieces.push(bigintBytes(value));
    case "string": {
      const text = utf8.encode(value);
      return void pieces.push(head(TEXT, text.length), text);
    }
  }
  if (value === null) return void pieces.push(Uint8Array.of(0xc0));
  if (value instanceof Uint8Array) return void pieces.push(head(BYTES, value.length), value);
  if (Array.isArray(value)) {
    pieces.push(head(ARRAY, value.length));
    // Unlike `forEach`, this also visits holes: they are undefined, which is refused.
    for (const element of value) put(pieces, element);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value); // throws on undefined, as the original
  if (prototype !== null && prototype !== Object.prototype) {
    throw new Error("Cannot safely encode value into messagepack");
  }
  const entries = Object.entries(Object(value));
  pieces.push(head(MAP, entries.length));
  for (const [key, entry] of entries) {
    put(pieces, key);
    put(pieces, entry);
  }
}

function numberBytes(value: number): Uint8Array {
  if (Number.isInteger(value)) {
    if (value >= 0 && value < 2 ** 7) return Uint8Array.of(value);
    if (value < 0 && value >= -(2 ** 5)) return Uint8Array.of(256 + value);
    if (value >= 0 && value < 2 ** 8) return Uint8Array.of(0xcc, value);
    if (value < 0 && value >= -(2 ** 7)) return Uint8Array.of(0xd0, 256 + value);
    if (value >= 0 && value < 2 ** 16) return filled(0xcd, 2, (view) => view.setUint16(1, value));
    if (value < 0 && value >= -(2 ** 15)) return filled(0xd1, 2, (view) => view.setInt16(1, value));
    if (value >= 0 && value < 2 ** 32) return filled(0xce, 4, (view) => view.setUint32(1, value));
    if (value < 0 && value >= -(2 ** 31)) return filled(0xd2, 4, (view) => view.setInt32(1, value));
  }
  return filled(0xcb, 8, (view) => view.setFloat64(1, value));
}

function bigintBytes(value: bigint): Uint8Array {
  if (value === BigInt.asUintN(64, value)) {
    return filled(0xcf, 8, (view) => view.setBigUint64(1, value));
  }
  if (value === BigInt.asIntN(64, value)) {
    return filled(0xd3, 8, (view) => view.setBigInt64(1, value));
  }
  throw new Error("Cannot safely encode bigint larger than 64 bits");
}

function head({ small, wide8, wide16, wide32 }: Heads, size: number): Uint8Array {
  if (small !== null && size < small.below) return Uint8Array.of(small.type + size);
  if (wide8 !== null && size < 2 ** 8) return Uint8Array.of(wide8, size);
  if (size < 2 ** 16) return filled(wide16, 2, (view) => view.setUint16(1, size));
  return filled(wide32, 4, (view) => view.setUint32(1, size));
}

/** A head byte and so many bytes behind it. */
function filled(type: number, width: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(1 + width);
  bytes[0] = type;
  fill(new DataView(bytes.buffer));
  return bytes;
}
