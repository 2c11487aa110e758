/**
 * Stand-in for `@std/msgpack/decode`. It guarantees the values and errors of version 1.0.3: 64-bit
 * integers come back as bigint, invalid UTF-8 as U+FFFD, and bytes that are missing or left over,
 * extensions and the unused head byte are refused. A first look over the structure decides what is
 * refused, then `@msgpack/msgpack` builds the value. Where one input has two faults, the other one
 * may be named; the key `__proto__` is refused.
 *
 * @module
 */

import { Decoder } from "@msgpack/msgpack";
import { encode, type ValueType } from "./encode.ts";

/** What a head byte announces: bytes, text bytes, array elements or map entries. */
type Kind = "bytes" | "text" | "array" | "map";

interface Head {
  readonly kind: Kind;
  /** Number of bytes, elements or entries */
  readonly size: number;
  /** Position after the head */
  readonly end: number;
}

/** Head bytes followed by a value of so many bytes. */
const fixed = new Map([
  ...[0xc0, 0xc2, 0xc3].map((type) => [type, 0] as const),
  ...[0xcc, 0xd0].map((type) => [type, 1] as const),
  ...[0xcd, 0xd1].map((type) => [type, 2] as const),
  ...[0xca, 0xce, 0xd2].map((type) => [type, 4] as const),
  ...[0xcb, 0xcf, 0xd3].map((type) => [type, 8] as const),
]);

/** Head bytes followed by a size of so many bytes. */
const sized = new Map<number, readonly [Kind, 1 | 2 | 4]>([
  [0xc4, ["bytes", 1]],
  [0xc5, ["bytes", 2]],
  [0xc6, ["bytes", 4]],
  [0xd9, ["text", 1]],
  [0xda, ["text", 2]],
  [0xdb, ["text", 4]],
  [0xdc, ["array", 2]],
  [0xdd, ["array", 4]],
  [0xde, ["map", 2]],
  [0xdf, ["map", 4]],
]);

const utf8Decoder = new TextDecoder();
const utf8Encoder = new TextEncoder();
const decoder = new Decoder({
  useBigInt64: true,
  mapKeyConverter: (key) => {
    if (typeof key === "string" || typeof key === "number") return key;
    throw new EvalError(
      "Cannot decode a key of a map: The type of key is invalid, keys must be a number or a string",
    );
  },
});

/**
 * Decode a value from the MessagePack binary format.
 *
 * @param data MessagePack binary data; byte strings in the value share its memory
 * @returns Decoded value
 */
export function decode(data: Uint8Array): ValueType {
  return decoder.decode(inspect(data)) as ValueType;
}

/** The same data, or a copy with well-formed text; throws unless it holds exactly one value. */
function inspect(data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const pieces: Uint8Array[] = [];
  let copied = 0;
  let position = 0;
  for (let awaited = 1; awaited > 0; awaited--) {
    const { kind, size, end } = readHead(view, position);
    if (kind === "array" || kind === "map") {
      awaited += kind === "map" ? 2 * size : size;
      position = end;
      continue;
    }
    need(view, end, size);
    const repaired = kind === "text" ? repair(data.subarray(end, end + size)) : undefined;
    if (repaired !== undefined) {
      pieces.push(data.subarray(copied, position), repaired);
      copied = end + size;
    }
    position = end + size;
  }
  if (position < data.length) {
    throw new EvalError("Messagepack decode did not consume whole array");
  }
  if (copied === 0) return data;
  return Uint8Array.from([...pieces, data.subarray(copied)].flatMap((piece) => [...piece]));
}

function readHead(view: DataView, position: number): Head {
  need(view, position, 1);
  const type = view.getUint8(position);
  const end = position + 1;
  if (type <= 0x7f || type >= 0xe0) return { kind: "bytes", size: 0, end };
  if (type <= 0x8f) return { kind: "map", size: type & 0x0f, end };
  if (type <= 0x9f) return { kind: "array", size: type & 0x0f, end };
  if (type <= 0xbf) return { kind: "text", size: type & 0x1f, end };

  const size = fixed.get(type);
  if (size !== undefined) return { kind: "bytes", size, end };
  const [kind, width] = sized.get(type) ?? refuse(type);
  need(view, end, width);
  const read = { 1: view.getUint8, 2: view.getUint16, 4: view.getUint32 }[width];
  return { kind, size: read.call(view, end), end: end + width };
}

function need(view: DataView, position: number, size: number): void {
  if (position + size > view.byteLength) {
    throw new EvalError("Messagepack decode reached end of array prematurely");
  }
}

function refuse(type: number): never {
  if (type === 0xc1) throw new Error("Messagepack decode encountered a type that is never used");
  if (type >= 0xd4) throw new Error("Cannot decode a slice: 'fixext' not implemented yet");
  throw new Error("Cannot decode a slice: Large extension type 'ext' not implemented yet");
}

/** A new item for text the library would read differently: invalid UTF-8, byte order mark. */
function repair(raw: Uint8Array): Uint8Array | undefined {
  if (raw.every((byte) => byte < 0x80)) return undefined;
  const text = utf8Decoder.decode(raw);
  const again = utf8Encoder.encode(text);
  const same = again.length === raw.length && again.every((byte, index) => byte === raw[index]);
  return same ? undefined : encode(text);
}
