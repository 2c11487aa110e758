/**
 * Guarantees that the assertions of `@std/assert` about equal values and contents, the original or
 * its stand-in, pass and fail where they must.
 */

import { ok, throws } from "node:assert/strict";
import {
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertNotEquals,
  assertObjectMatch,
  assertStrictEquals,
  equal,
} from "@std/assert";
import { allFail } from "./all_fail.ts";

class Point {
  constructor(readonly x: number) {}
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const sameCycle: { self?: unknown } = {};
sameCycle.self = sameCycle;

const equalPairs: readonly (readonly [unknown, unknown])[] = [
  [1n, 1n],
  [NaN, NaN],
  [0, -0],
  [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [new Date(5), new Date(5)],
  [/a/g, /a/g],
  [new URL("http://localhost/a"), new URL("http://localhost/a")],
  [new Error("same"), new Error("same")],
  [new Map([["a", { n: 1 }], ["b", { n: 2 }]]), new Map([["b", { n: 2 }], ["a", { n: 1 }]])],
  [new Map([[{ id: 1 }, [1n]]]), new Map([[{ id: 1 }, [1n]]])],
  [new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 2 }, { a: 1 }])],
  [{ a: [{ b: new Set([1]) }], c: null }, { c: null, a: [{ b: new Set([1]) }] }],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [new Point(1), new Point(1)],
  [cycle, sameCycle],
];

const differentPairs: readonly (readonly [unknown, unknown])[] = [
  [1n, 1],
  ["1", 1],
  [null, undefined],
  [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  [new Uint8Array([1]), new Uint8Array([1, 0])],
  [new Uint8Array([1]), [1]],
  [new Date(5), new Date(6)],
  [/a/g, /a/i],
  [new URL("http://localhost/a"), new URL("http://localhost/b")],
  [new TypeError("same"), new Error("same")],
  [new Map([["a", { n: 1 }]]), new Map([["a", { n: 2 }]])],
  [new Map([["a", undefined]]), new Map([["b", undefined]])],
  [new Map([[{ id: 1 }, 1]]), new Map([[{ id: 1 }, 2]])],
  [new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 2 }, { a: 3 }])],
  [{ a: 1 }, { a: 1, b: undefined }],
  [{ a: [{ b: new Set([1]) }] }, { a: [{ b: new Set([2]) }] }],
  [[1, 2], [1, 2, 3]],
  [new Point(1), new Point(2)],
  [new Point(1), { x: 1 }],
];

Deno.test("assert: equality is deep, and each pair is equal or not in both directions", () => {
  for (const [left, right] of equalPairs) {
    for (const [actual, expected] of [[left, right], [right, left]]) {
      ok(equal(actual, expected));
      assertEquals(actual, expected);
      allFail(() => assertNotEquals(actual, expected, "why"));
    }
  }
  for (const [left, right] of differentPairs) {
    for (const [actual, expected] of [[left, right], [right, left]]) {
      ok(!equal(actual, expected));
      assertNotEquals(actual, expected);
      allFail(() => assertEquals(actual, expected, "why"));
    }
  }
});

Deno.test("assert: a failed equality shows both sides line by line", () => {
  throws(
    () => assertEquals({ same: 1n, name: "alice" }, { same: 1n, name: "bob" }),
    ({ message }: Error) =>
      /^.*-.*alice|^.*\+.*alice/m.test(message) && /^.*[+-].*bob/m.test(message),
  );
});

Deno.test("assert: strict equality is identity, also of zeros", () => {
  assertStrictEquals(NaN, NaN);
  assertStrictEquals(cycle, cycle);
  allFail(
    () => assertStrictEquals(cycle, sameCycle, "why"),
    () => assertStrictEquals(0, -0, "why"),
    () => assertStrictEquals("a\nb", "a\nc", "why"),
  );
});

Deno.test("assert: arrays contain what is expected", () => {
  assertArrayIncludes([1, { a: 1n }, 3], [{ a: 1n }, 1]);
  assertArrayIncludes(new Uint8Array([1, 2]), [2]);
  assertArrayIncludes([NaN], [NaN]);
  allFail(
    () => assertArrayIncludes([{ a: 1n }], [{ a: 2n }], "why"),
  );
});

Deno.test("assert: objects have at least the expected content", () => {
  const actual = {
    a: 1,
    list: [{ b: 2, c: 3 }, 4],
    map: new Map([["k", { v: 1, w: 2 }]]),
    n: null,
  };
  assertObjectMatch(actual, { list: [{ b: 2 }, 4] });
  assertObjectMatch(actual, { a: 1, map: new Map([["k", { v: 1 }]]), n: null });
  assertObjectMatch({ point: new Point(1) }, { point: { x: 1 } });
  allFail(
    () => assertObjectMatch(actual, { a: 2 }, "why"),
    () => assertObjectMatch(actual, { missing: undefined }, "why"),
    () => assertObjectMatch(actual, { list: [{ b: 3 }, 4] }, "why"),
    () => assertObjectMatch(actual, { map: new Map([["other", 1]]) }, "why"),
    () => assertObjectMatch(actual, { n: {} }, "why"),
  );
});

Deno.test("assert: numbers are almost equal within the tolerance", () => {
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(1, 1.5, 0.5);
  assertAlmostEquals(Infinity, Infinity);
  allFail(
    () => assertAlmostEquals(1, 1.1, undefined, "why"),
    () => assertAlmostEquals(1, NaN, 1, "why"),
  );
});
