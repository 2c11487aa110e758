/**
 * Makes the bytes of pgdog's log, straight from the format's description and sharing nothing with
 * the code under test. Anything can be made, also what pgdog would never write.
 */

import { crc32cOracle } from "../crc32c_oracle.ts";

const utf8 = new TextEncoder();

/** Bytes one after the other. */
export function join(
  ...parts: readonly (Uint8Array | readonly number[])[]
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** An unsigned integer in that many bytes, the highest first. */
export function bigEndian(value: bigint | number, width: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); bytes.length < width; rest >>= 8n) {
    bytes.unshift(Number(rest & 255n));
  }
  return bytes;
}

/** An unsigned integer in its shortest form. */
export function uint(value: bigint | number): number[] {
  const number = BigInt(value);
  if (number < 0x80n) return [Number(number)];
  const power = [1, 2, 4, 8].findIndex((width) => number < 1n << BigInt(8 * width));
  return [0xcc + power, ...bigEndian(number, 1 << power)];
}

/** Text in its shortest form. */
export function text(value: string): Uint8Array<ArrayBuffer> {
  const bytes = utf8.encode(value);
  const size = bytes.length;
  if (size < 32) return join([0xa0 + size], bytes);
  if (size < 2 ** 8) return join([0xd9, size], bytes);
  return size < 2 ** 16
    ? join([0xda, ...bigEndian(size, 2)], bytes)
    : join([0xdb, ...bigEndian(size, 4)], bytes);
}

/** An array in its shortest form. */
export function array(...elements: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const size = elements.length;
  return join(size < 16 ? [0x90 + size] : [0xdc, ...bigEndian(size, 2)], ...elements);
}

/** A map in its shortest form, from keys that are text. */
export function map(
  entries: readonly (readonly [string, Uint8Array | readonly number[]])[],
): Uint8Array {
  const size = entries.length;
  return join(
    size < 16 ? [0x80 + size] : [0xde, ...bigEndian(size, 2)],
    ...entries.flatMap(([key, value]) => [text(key), value]),
  );
}

/** A frame with its checksum; the length can be made to lie. */
export function frame(
  tag: number,
  payload: Uint8Array | readonly number[],
  claimedLength?: number,
): Uint8Array<ArrayBuffer> {
  const body = join([tag], payload);
  const header = new DataView(new ArrayBuffer(8));
  header.setUint32(0, claimedLength ?? body.length, true);
  header.setUint32(4, crc32cOracle(body), true);
  return join(new Uint8Array(header.buffer), body);
}

/** The frame of a Begin. */
export function begin(
  txn: bigint | number,
  user = "app",
  database = "shop",
): Uint8Array<ArrayBuffer> {
  return frame(1, map([["txn", uint(txn)], ["user", text(user)], ["database", text(database)]]));
}

/** The frame of a Committing. */
export function committing(txn: bigint | number): Uint8Array<ArrayBuffer> {
  return frame(2, map([["txn", uint(txn)]]));
}

/** The frame of an End. */
export function end(txn: bigint | number): Uint8Array<ArrayBuffer> {
  return frame(3, map([["txn", uint(txn)]]));
}

/** The frame of a Checkpoint. */
export function checkpoint(
  ...active: readonly { txn: bigint | number; decided: boolean }[]
): Uint8Array<ArrayBuffer> {
  const entries = active.map(({ txn, decided }) =>
    map([
      ["txn", uint(txn)],
      ["user", text("app")],
      ["database", text("shop")],
      ["decided", [decided ? 0xc3 : 0xc2]],
    ])
  );
  return frame(4, map([["active", array(...entries)]]));
}

/** The header of a segment. */
export const HEADER: Uint8Array<ArrayBuffer> = join(utf8.encode("PG2W"), new Uint8Array(12));

/** A segment of these frames, or of other bytes. */
export function segment(...frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return join(HEADER, ...frames);
}

/** The name of a segment. */
export function named(firstLsn: bigint | number): string {
  return `${String(firstLsn).padStart(20, "0")}.wal`;
}

/** A log of these segments, by the number of their first record. */
export function log(
  segments: Readonly<Record<number, Uint8Array<ArrayBuffer>>>,
): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(
    Object.entries(segments).map(([firstLsn, bytes]) => [named(Number(firstLsn)), bytes]),
  );
}
