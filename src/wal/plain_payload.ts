/**
 * Reads the MessagePack that this package writes, without the general decoder: a checkpoint may hold thousands of
 * texts, and an opening waits for each. What is read here is read as the general decoder reads it. Whatever is not
 * plain (text beyond ASCII or of more than 255 bytes, large maps, other kinds of numbers, bytes that are too few or
 * too many) is left to the general way.
 *
 * @module
 */

import type { ValueMap, ValueType } from "@std/msgpack";
import { numberOf } from "./halves.ts";

/** Nothing that this package writes is nested deeper. */
const MAX_DEPTH = 8;

/**
 * Reads a value that fills the bytes.
 *
 * @param bytes The bytes.
 * @returns The value; `undefined` if the general way is needed.
 */
export function decodePlain(bytes: Uint8Array): ValueType | undefined {
  const reader = new PlainReader(bytes);
  const value = reader.value(0);
  return reader.isAtEnd ? value : undefined;
}

class PlainReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): ValueType | undefined {
    if (depth > MAX_DEPTH) return undefined;
    const first = this.#bytes[this.#at++] ?? 0xc1;
    if (first < 0x80) return first;
    if (first < 0x90) return this.#map(first - 0x80, depth);
    if (first < 0xa0) return this.#list(first - 0x90, depth);
    if (first < 0xc0) return this.#text(first - 0xa0);
    switch (first) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#binary(this.#unsigned(1));
      case 0xc5:
        return this.#binary(this.#unsigned(2));
      case 0xc6:
        return this.#binary(this.#unsigned(4));
      case 0xcf: {
        const [high, low] = [this.#unsigned(4), this.#unsigned(4)];
        return low < 0 ? undefined : numberOf(high, low);
      }
      case 0xd9:
        return this.#text(this.#unsigned(1));
      case 0xdc:
        return this.#list(this.#unsigned(2), depth);
      case 0xdd:
        return this.#list(this.#unsigned(4), depth);
      default:
        return undefined;
    }
  }

  /** How many bytes are left. */
  get #rest(): number {
    return this.#bytes.length - this.#at;
  }

  /** A number of so many bytes, the highest first; -1 if there are not as many. */
  #unsigned(length: number): number {
    if (this.#rest < length) return -1;
    let value = 0;
    for (let index = 0; index < length; index++) value = value * 256 + this.#bytes[this.#at++]!;
    return value;
  }

  #text(length: number): string | undefined {
    if (length < 0 || this.#rest < length) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    for (let index = 0; index < length; index++) if (bytes[index]! > 0x7f) return undefined;
    this.#at += length;
    return String.fromCharCode.apply(null, bytes as unknown as number[]);
  }

  #binary(length: number): Uint8Array | undefined {
    if (length < 0 || this.#rest < length) return undefined;
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  #list(length: number, depth: number): ValueType[] | undefined {
    // Each place has a byte at least: no length is trusted beyond that.
    if (length < 0 || this.#rest < length) return undefined;
    const list: ValueType[] = [];
    for (let index = 0; index < length; index++) {
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      list.push(value);
    }
    return list;
  }

  #map(length: number, depth: number): ValueMap | undefined {
    const map: ValueMap = {};
    for (let index = 0; index < length; index++) {
      const key = this.value(MAX_DEPTH);
      // A key that is there twice, or that every object has.
      if (typeof key !== "string" || key in map) return undefined;
      const value = this.value(depth + 1);
      if (value === undefined) return undefined;
      map[key] = value;
    }
    return map;
  }
}
