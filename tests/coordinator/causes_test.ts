/** Guarantees that what a library has wrapped is found, and that no chain of causes is followed for ever. */

import { assertEquals } from "@std/assert";
import { someCause } from "../../src/coordinator/causes.ts";

const isWanted = (error: Error) => error.message === "wanted";

/** An error that this many others are wrapped around. */
function wrapped(times: number): Error {
  let error = new Error("wanted");
  for (let count = 0; count < times; count++) error = new Error("wrapped", { cause: error });
  return error;
}

Deno.test("someCause() finds an error itself and in what wraps it, up to a limit", () => {
  const found = [0, 1, 7, 8].map((times) => someCause(wrapped(times), isWanted));
  assertEquals(found, [true, true, true, false]);
});

Deno.test("someCause() takes nothing but errors, and ends on a ring of causes", () => {
  const ring = new Error("ring");
  ring.cause = ring;
  for (const error of [ring, "wanted", null, undefined, { message: "wanted" }]) {
    assertEquals(someCause(error, isWanted), false);
  }
});
