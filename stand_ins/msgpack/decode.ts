/**
 * Stand-in for `@std/msgpack/decode`. It guarantees the values and errors of version 1.0.3: 64-bit
 * integers come back as bigint, invalid UTF-8 as U+FFFD, and bytes that are missing or left over,
 * extensions and the unused head byte are refused. The key `__proto__` is refused, too.
 *
 * @module
 */

import type { ValueMap, ValueType } from "./encode.ts";

/** Reads the value that stands right behind a head byte; nothing of it is known to be there. */
type Reader = (input: Input) => ValueType;

const utf8 = new TextDecoder();

/** What is left of the data. */
class Input {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get isEmpty(): boolean {
    return this.#position === this.#data.length;
  }

  /** So many bytes, which share the memory of the data. */
  take(size: number): Uint8Array {
    const begin = this.#skip(size);
    return this.#data.subarray(begin, begin + size);
  }

  /** What a reader of `DataView` makes of so many bytes. */
  number<Value>(size: number, read: (this: DataView, position: number) => Value): Value {
    return read.call(this.#view, this.#skip(size));
  }

  #skip(size: number): number {
    const begin = this.#position;
    if (begin + size > this.#data.length) {
      throw new EvalError("Messagepack decode reached end of array prematurely");
    }
    this.#position = begin + size;
    return begin;
  }
}

const { getUint8, getUint16, getUint32, getBigUint64 } = DataView.prototype;
const { getInt8, getInt16, getInt32, getBigInt64, getFloat32, getFloat64 } = DataView.prototype;

/** By head byte; those that hold a part of the value themselves are not among them. */
const READERS = new Map<number, Reader>([
  [0xc0, () => null],
  [0xc2, () => false],
  [0xc3, () => true],
  [0xc4, (input) => input.take(input.number(1, getUint8))],
  [0xc5, (input) => input.take(input.number(2, getUint16))],
  [0xc6, (input) => input.take(input.number(4, getUint32))],
  [0xca, (input) => input.number(4, getFloat32)],
  [0xcb, (input) => input.number(8, getFloat64)],
  [0xcc, (input) => input.number(1, getUint8)],
  [0xcd, (input) => input.number(2, getUint16)],
  [0xce, (input) => input.number(4, getUint32)],
  [0xcf, (input) => input.number(8, getBigUint64)],
  [0xd0, (input) => input.number(1, getInt8)],
  [0xd1, (input) => input.number(2, getInt16)],
  [0xd2, (input) => input.number(4, getInt32)],
  [0xd3, (input) => input.number(8, getBigInt64)],
  [0xd9, (input) => text(input, input.number(1, getUint8))],
  [0xda, (input) => text(input, input.number(2, getUint16))],
  [0xdb, (input) => text(input, input.number(4, getUint32))],
  [0xdc, (input) => array(input, input.number(2, getUint16))],
  [0xdd, (input) => array(input, input.number(4, getUint32))],
  [0xde, (input) => map(input, input.number(2, getUint16))],
  [0xdf, (input) => map(input, input.number(4, getUint32))],
]);

/**
 * Decode a value from the MessagePack binary format.
 *
 * @param data MessagePack binary data; byte strings in the value share its memory
 * @returns Decoded value
 */
export function decode(data: Uint8Array): ValueType {
  const input = new Input(data);
  const value = read(input);
  if (!input.isEmpty) throw new EvalError("Messagepack decode did not consume whole array");
  return value;
}

function read(input: Input): ValueType {
  const type = input.number(1, getUint8);
  if (type <= 0x7f) return type;
  if (type <= 0x8f) return map(input, type & 0x0f);
  if (type <= 0x9f) return array(input, type & 0x0f);
  if (type <= 0xbf) return text(input, type & 0x1f);
  if (type >= 0xe0) return type - 0x100;
  const reader = READERS.get(type);
  return reader === undefined ? refuse(type) : reader(input);
}

function text(input: Input, size: number): string {
  return utf8.decode(input.take(size));
}

function array(input: Input, size: number): ValueType[] {
  const elements: ValueType[] = [];
  // The size is not believed before the elements are there.
  while (elements.length < size) elements.push(read(input));
  return elements;
}

function map(input: Input, size: number): ValueMap {
  const entries: ValueMap = {};
  for (let count = 0; count < size; count++) {
    const key = read(input);
    if ((typeof key !== "string" && typeof key !== "number") || key === "__proto__") {
      throw new EvalError(
        "Cannot decode a key of a map: The type of key is invalid, keys must be a number or a string",
      );
    }
    entries[key] = read(input);
  }
  return entries;
}

function refuse(type: number): never {
  if (type === 0xc1) throw new Error("Messagepack decode encountered a type that is never used");
  if (type >= 0xd4) throw new Error("Cannot decode a slice: 'fixext' not implemented yet");
  throw new Error("Cannot decode a slice: Large extension type 'ext' not implemented yet");
}
