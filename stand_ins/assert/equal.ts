/**
 * Guarantees the deep equality of `@std/assert`: plain values, arrays, objects, maps and sets by
 * content and class, cycles included; 0 equals -0, NaN equals NaN, a missing key is not an undefined
 * one, and an object without prototype equals a plain one. Other built-in objects are left to Node's
 * strict comparison, which also compares the messages of errors.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";

/**
 * Deep equality comparison used in assertions.
 *
 * @param c The actual value
 * @param d The expected value
 * @returns Whether they are deeply equal
 */
export function equal(c: unknown, d: unknown): boolean {
  return compare(c, d, new Map());
}

type Seen = Map<object, unknown>;

function compare(actual: unknown, expected: unknown, seen: Seen): boolean {
  if (Object.is(actual, expected)) return true;
  if (typeof actual === "number" && typeof expected === "number") return actual === expected;
  if (!isObject(actual) || !isObject(expected)) return false;
  if (constructorOf(actual) !== constructorOf(expected)) return false;
  if (seen.get(actual) === expected) return true;
  seen.set(actual, expected);

  if (actual instanceof URL) return String(actual) === String(expected);
  if (actual instanceof Date || isByContent(actual)) return isDeepStrictEqual(actual, expected);
  if (actual instanceof WeakMap || actual instanceof WeakSet) {
    throw new TypeError("Cannot compare weak collections");
  }
  return compareEntries(actual, expected, seen) && compareProperties(actual, expected, seen);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Bytes, patterns, errors and boxed values, which have no entries to compare one by one. */
function isByContent(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof RegExp ||
    value instanceof Error || value instanceof Number || value instanceof String ||
    value instanceof Boolean;
}

function constructorOf(value: object): unknown {
  return value.constructor ?? Object;
}

function compareEntries(actual: object, expected: object, seen: Seen): boolean {
  const entries = entriesOf(actual);
  const unmatched = entriesOf(expected);
  if (entries.size !== unmatched.size) return false;
  for (const [key, value] of entries) {
    const found = unmatched.has(key)
      ? [key, unmatched.get(key)]
      // An attempt that fails must leave no assumption behind, so each has its own.
      : unmatched.entries().find((entry) => compare([key, value], entry, new Map(seen)));
    if (found === undefined || !compare(value, found[1], seen)) return false;
    unmatched.delete(found[0]);
  }
  return true;
}

/** The content of a map or set; a set's members are both keys and values. */
function entriesOf(value: object): Map<unknown, unknown> {
  if (value instanceof Map) return new Map(value);
  return new Map(value instanceof Set ? value.entries() : []);
}

function compareProperties(actual: object, expected: object, seen: Seen): boolean {
  const keys = enumerableKeys(actual);
  return keys.length === enumerableKeys(expected).length &&
    keys.every((key) =>
      Object.hasOwn(expected, key) &&
      compare(Reflect.get(actual, key), Reflect.get(expected, key), seen)
    );
}

function enumerableKeys(value: object): readonly PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
}
