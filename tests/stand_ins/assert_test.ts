/**
 * Guarantees that the assertions of `@std/assert` about conditions, order and errors, the original or
 * its stand-in, pass and fail where they must, narrow types, and give thrown errors to the caller.
 */

import { ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  assert,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";
import { allFail } from "./all_fail.ts";

class Point {
  constructor(readonly x: number) {}
}

Deno.test("assert: conditions pass, fail and narrow", () => {
  const value = JSON.parse("[1]") as number[] | null | undefined;
  assert(value);
  assertExists(value[0]);
  assertExists(0);
  const text: unknown = "text";
  assert(typeof text === "string");
  strictEqual(text.length, 4);
  const point: unknown = new Point(3);
  assertInstanceOf(point, Point);
  strictEqual(point.x, 3);
  for (const falsy of [false, 0, 0n, "", null, undefined]) {
    assertFalse(falsy);
    allFail(() => assert(falsy, "why"));
  }
  allFail(
    () => assertFalse([], "why"),
    () => assertExists(null, "why"),
    () => assertExists(undefined, "why"),
    () => assertInstanceOf({}, Point, "why"),
    () => assertInstanceOf(null, Point, "why"),
    () => fail("why"),
    () => unreachable("why"),
  );
  for (const run of [() => assert(false), () => fail(), () => unreachable()]) {
    throws(run, AssertionError);
  }
});

Deno.test("assert: texts contain what is expected", () => {
  assertStringIncludes("two phases", "phase");
  assertMatch("two phases", /p.a/);
  allFail(
    () => assertStringIncludes("two phases", "three", "why"),
    () => assertMatch("two phases", /three/, "why"),
  );
});

Deno.test("assert: numbers, bigints and texts have their order", () => {
  assertGreater(2n, 1n);
  assertGreaterOrEqual("b", "b");
  assertLess(-1, 0);
  assertLessOrEqual(0, 0);
  allFail(
    () => assertGreater(1, 1, "why"),
    () => assertGreaterOrEqual(1n, 2n, "why"),
    () => assertLess(NaN, 1, "why"),
    () => assertLessOrEqual("b", "a", "why"),
  );
});

Deno.test("assert: what a function throws is checked and returned", () => {
  const thrown = new TypeError("no such branch");
  const run = () => {
    throw thrown;
  };
  strictEqual(assertThrows(run), thrown);
  strictEqual(assertThrows(run, "why"), thrown);
  const error: TypeError = assertThrows(run, TypeError, "such", "why");
  strictEqual(error, thrown);
  strictEqual(assertThrows(run, Error), thrown);
  strictEqual(assertThrows(() => JSON.parse("{"), SyntaxError).name, "SyntaxError");
  allFail(
    () => assertThrows(() => {}, "why"),
    () => assertThrows(() => {}, Error, "", "why"),
    () => assertThrows(run, RangeError, undefined, "why"),
    () => assertThrows(run, TypeError, "another", "why"),
    () =>
      assertThrows(
        () => {
          throw "text";
        },
        Error,
        undefined,
        "why",
      ),
  );
});

Deno.test("assert: what a promise rejects with is checked and returned", async () => {
  const reason = new Deno.errors.NotFound("no such log");
  const run = () => Promise.reject(reason);
  strictEqual(await assertRejects(run), reason);
  const error: Error = await assertRejects(run, Deno.errors.NotFound, "log");
  strictEqual(error, reason);
  const failing = [
    assertRejects(() => Promise.resolve(), "why"),
    assertRejects(run, Deno.errors.AlreadyExists, undefined, "why"),
    assertRejects(run, Deno.errors.NotFound, "another", "why"),
    assertRejects(() => Promise.reject("text"), Error, undefined, "why"),
    assertRejects(() => {
      throw reason;
    }, "why"),
  ];
  for (const promise of failing) {
    await rejects(
      promise,
      (failure) => failure instanceof AssertionError && /why/.test(failure.message),
    );
  }
});

Deno.test("assert: the error class is an error with that name", () => {
  const error = new AssertionError("text", { cause: 1 });
  ok(error instanceof Error);
  strictEqual(error.name, "AssertionError");
  strictEqual(error.cause, 1);
});
