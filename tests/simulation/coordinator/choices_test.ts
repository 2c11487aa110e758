/** Proves that every sequence of choices comes exactly once. */

import { assertEquals, assertThrows } from "@std/assert";
import { Choices } from "./choices.ts";

Deno.test("Choices come in every sequence, each once", () => {
  const choices = new Choices();
  const found: string[] = [];
  while (choices.next()) {
    const first = choices.below(3);
    const words = first === 1 ? [first] : [first, choices.pick(["a", "b"])];
    found.push(words.join(""));
  }
  assertEquals(found, ["0a", "0b", "1", "2a", "2b"]);
});

Deno.test("Choices refuse a program that depends on something else", () => {
  const choices = new Choices();
  choices.next();
  choices.below(2);
  choices.next();
  assertThrows(() => choices.below(3), Error, "depends on something else");
});
