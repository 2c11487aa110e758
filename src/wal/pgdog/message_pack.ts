/**
 * Where values of MessagePack begin and end, without building them. `@std/msgpack` builds values
 * but takes only bytes that hold exactly one; this finds those bytes.
 *
 * Guarantees: nothing is allocated by a length that the bytes claim; nesting is bounded; every step
 * moves forward, so the time is bounded by the bytes.
 *
 * @module
 */

/** What a value is, by its first byte. Extensions are opaque. */
export type ValueKind =
  | "nil"
  | "boolean"
  | "integer"
  | "float"
  | "bytes"
  | "text"
  | "array"
  | "map"
  | "extension";

/** The beginning of a value. */
export interface ValueHead {
  /** What it is. */
  readonly kind: ValueKind;
  /** Bytes of content; elements of an array; entries of a map. */
  readonly size: number;
  /** Offset behind the head: of the content, the first element or the first key. */
  readonly content: number;
}

/** A part of some bytes. */
export interface Span {
  /** Offset of the first byte. */
  readonly start: number;
  /** Offset behind the last byte. */
  readonly end: number;
}

/** How much work may still be done, in steps. */
export interface Meter {
  /** Steps left; negative if the work was given up. */
  left: number;
}

/** How deep pgdog's decoder lets arrays and maps nest, the outermost included. */
export const MAX_DEPTH = 1023;

interface Shape {
  readonly kind: ValueKind;
  /** Bytes of the size field behind the first byte. */
  readonly width: number;
  /** The size, if no field says it. */
  readonly size: number;
}

const SHAPES: readonly (Shape | null)[] = Array.from({ length: 256 }, (_, type) => shapeOf(type));

function shapeOf(type: number): Shape | null {
  const fixed = (kind: ValueKind, size: number): Shape => ({ kind, width: 0, size });
  const sized = (kind: ValueKind, width: number): Shape => ({ kind, width, size: 0 });
  if (type <= 0x7f || type >= 0xe0) return fixed("integer", 0);
  if (type <= 0x8f) return fixed("map", type & 0x0f);
  if (type <= 0x9f) return fixed("array", type & 0x0f);
  if (type <= 0xbf) return fixed("text", type & 0x1f);
  if (type === 0xc0) return fixed("nil", 0);
  if (type === 0xc1) return null; // never used
  if (type <= 0xc3) return fixed("boolean", 0);
  if (type <= 0xc6) return sized("bytes", 1 << (type - 0xc4));
  if (type <= 0xc9) return sized("extension", 1 << (type - 0xc7));
  if (type <= 0xcb) return fixed("float", 4 << (type - 0xca));
  if (type <= 0xcf) return fixed("integer", 1 << (type - 0xcc));
  if (type <= 0xd3) return fixed("integer", 1 << (type - 0xd0));
  if (type <= 0xd8) return fixed("extension", 1 << (type - 0xd4));
  if (type <= 0xdb) return sized("text", 1 << (type - 0xd9));
  return type <= 0xdd ? sized("array", 2 << (type - 0xdc)) : sized("map", 2 << (type - 0xde));
}

/**
 * Reads the beginning of a value.
 *
 * @param bytes The bytes.
 * @param start Offset of the value.
 * @param end Offset behind the last byte that may be looked at.
 * @returns The head; null if none is there, or if its content cannot fit before `end`.
 */
export function readHead(bytes: Uint8Array, start: number, end: number): ValueHead | null {
  if (start >= end) return null;
  const shape = SHAPES[bytes[start] ?? 0xc1];
  if (shape === null || shape === undefined) return null;
  const sizeEnd = start + 1 + shape.width;
  if (sizeEnd > end) return null;
  let size = shape.size;
  for (let index = start + 1; index < sizeEnd; index++) size = size * 256 + (bytes[index] ?? 0);
  // An extension has a byte for its type, which its size does not count.
  const isExtension = shape.kind === "extension";
  const content = isExtension ? sizeEnd + 1 : sizeEnd;
  const least = shape.kind === "map" ? 2 * size : size; // no element has less than one byte
  return content + least > end ? null : { kind: shape.kind, size, content };
}

/**
 * Finds the end of a value, whatever it is.
 *
 * @param bytes The bytes.
 * @param start Offset of the value.
 * @param end Offset behind the last byte that may be looked at.
 * @param depth How deep arrays and maps may nest from here on.
 * @param meter Is counted down by one for each value within; at zero the search is given up.
 * @returns Offset behind the value; null if there is no whole value of that depth.
 */
export function skipValue(
  bytes: Uint8Array,
  start: number,
  end: number,
  depth: number = MAX_DEPTH,
  meter: Meter = { left: Infinity },
): number | null {
  const outer: number[] = []; // how many values each array and map around still awaits
  let awaited = 1;
  let position = start;
  while (awaited > 0 || outer.length > 0) {
    if (awaited === 0) {
      awaited = outer.pop() ?? 0;
      continue;
    }
    if (--meter.left < 0) return null;
    const head = readHead(bytes, position, end);
    if (head === null) return null;
    awaited--;
    if (head.kind !== "array" && head.kind !== "map") {
      position = head.content + head.size;
      continue;
    }
    if (outer.length >= depth) return null;
    outer.push(awaited);
    awaited = head.kind === "map" ? 2 * head.size : head.size;
    position = head.content;
  }
  return position;
}
