/**
 * Finds the fields of a payload and reads their values as leniently as pgdog's own decoder does,
 * and not more: a map of any width whose keys may come in any order and be unknown, or an array
 * with exactly the fields in their order; keys and text may be given as text or as bytes, a key
 * also as the field's place; what stands behind the payload is not looked at. A field that is
 * missing or there twice is refused, and so is text that is no UTF-8.
 *
 * `@std/msgpack` decodes the numbers and booleans. The payload as a whole is not given to it: it
 * refuses extensions and some keys even where they are to be skipped, and replaces what is no UTF-8
 * silently.
 *
 * @module
 */

import { decode } from "@std/msgpack/decode";
import { MAX_DEPTH, readHead, skipValue, type Span } from "./message_pack.ts";

const exactText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const LARGEST_U64 = 2n ** 64n - 1n;

/** Where the values of some fields are, in the order of the fields. */
export type FieldSpans<Names extends readonly string[]> = { readonly [Index in keyof Names]: Span };

/**
 * Refuses a payload.
 *
 * @param what What was looked at.
 * @param right What would be right.
 * @throws {TypeError} Always.
 */
export function refusePayload(what: string, right: string): never {
  throw new TypeError(`Cannot decode a record of pgdog: ${what} is not ${right}`);
}

/**
 * Finds the fields of a struct.
 *
 * @param bytes The bytes.
 * @param span Where it begins, and where it ends at the latest.
 * @param names The fields, in their order.
 * @typeParam Names The fields.
 * @returns Where the values of the fields are, in the order of `names`.
 * @throws {TypeError} If it is no struct with these fields.
 */
export function findFields<const Names extends readonly string[]>(
  bytes: Uint8Array,
  span: Span,
  names: Names,
): FieldSpans<Names> {
  const head = readHead(bytes, span.start, span.end);
  if (head === null) refusePayload("the payload", "a whole value");
  if (head.kind === "array") {
    if (head.size !== names.length) refusePayload("an array", `one of ${names.join(", ")}`);
    return [...elementsOf(bytes, span)] as FieldSpans<Names>;
  }
  if (head.kind !== "map") refusePayload(`a value (${head.kind})`, "a map or an array");
  const found = new Array<Span | undefined>(names.length).fill(undefined);
  let position = head.content;
  for (let entry = 0; entry < head.size; entry++) {
    const key = nextValue(bytes, position, span.end);
    const value = nextValue(bytes, key.end, span.end);
    position = value.end;
    const field = fieldOf(bytes, key, names);
    if (field === null) continue;
    if (found[field] !== undefined) refusePayload(`the field ${names[field]}`, "there once");
    found[field] = value;
  }
  const missing = names.find((_, index) => found[index] === undefined);
  if (missing !== undefined) refusePayload(`the field ${missing}`, "there");
  return found as FieldSpans<Names>;
}

/**
 * Finds the elements of an array one after the other, so that a count is never more than a count.
 *
 * @param bytes The bytes.
 * @param span Where it begins, and where it ends at the latest.
 * @returns Where the elements are.
 * @throws {TypeError} If it is no array.
 */
export function* elementsOf(bytes: Uint8Array, span: Span): Generator<Span> {
  const head = readHead(bytes, span.start, span.end);
  if (head?.kind !== "array") refusePayload("a value", "an array");
  let position = head.content;
  for (let index = 0; index < head.size; index++) {
    const element = nextValue(bytes, position, span.end);
    yield element;
    position = element.end;
  }
}

/** The depth is counted from the payload on: what is within has been looked through with it. */
function nextValue(bytes: Uint8Array, start: number, limit: number): Span {
  const end = skipValue(bytes, start, limit, MAX_DEPTH - 1);
  return end === null ? refusePayload("the payload", "a whole value") : { start, end };
}

/** Which field a key names, or null if it is unknown and its value is to be skipped. */
function fieldOf(bytes: Uint8Array, key: Span, names: readonly string[]): number | null {
  const head = readHead(bytes, key.start, key.end);
  if (head?.kind === "text" || head?.kind === "bytes") {
    const index = names.findIndex((name) => isName(bytes, head.content, key.end, name));
    return index === -1 ? null : index;
  }
  const first = bytes[key.start] ?? 0xc1;
  // Only the unsigned forms: pgdog's decoder takes no signed one for a place.
  if (first > 0x7f && (first < 0xcc || first > 0xcf)) refusePayload("a key", "text");
  const place = decodeInteger(bytes, key, "a key");
  return place < names.length ? Number(place) : null;
}

function isName(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name.charCodeAt(index)) return false;
  }
  return true;
}

/**
 * Reads an unsigned integer of at most 64 bits, in any of the widths there are.
 *
 * @param bytes The bytes.
 * @param span Where the value is.
 * @param what What it is, for the error.
 * @returns The integer.
 * @throws {TypeError} If it is none, or negative.
 */
export function decodeInteger(bytes: Uint8Array, span: Span, what: string): bigint {
  const isInteger = readHead(bytes, span.start, span.end)?.kind === "integer";
  const value = isInteger ? decode(bytes.subarray(span.start, span.end)) : null;
  if (typeof value !== "number" && typeof value !== "bigint") refusePayload(what, "an integer");
  const integer = BigInt(value);
  if (integer < 0n || integer > LARGEST_U64) refusePayload(what, "an unsigned integer");
  return integer;
}

/**
 * Reads a boolean.
 *
 * @param bytes The bytes.
 * @param span Where the value is.
 * @param what What it is, for the error.
 * @returns The boolean.
 * @throws {TypeError} If it is none.
 */
export function decodeBoolean(bytes: Uint8Array, span: Span, what: string): boolean {
  const isBoolean = readHead(bytes, span.start, span.end)?.kind === "boolean";
  const value = isBoolean ? decode(bytes.subarray(span.start, span.end)) : null;
  return typeof value === "boolean" ? value : refusePayload(what, "a boolean");
}

/**
 * Reads text.
 *
 * @param bytes The bytes.
 * @param span Where the value is.
 * @param what What it is, for the error.
 * @returns The text, exactly as it stands there.
 * @throws {TypeError} If it is none, or no UTF-8.
 */
export function decodeText(bytes: Uint8Array, span: Span, what: string): string {
  const head = readHead(bytes, span.start, span.end);
  if (head?.kind !== "text" && head?.kind !== "bytes") refusePayload(what, "text");
  try {
    return exactText.decode(bytes.subarray(head.content, span.end));
  } catch (cause) {
    throw new TypeError(`Cannot decode a record of pgdog: ${what} is not UTF-8`, { cause });
  }
}
