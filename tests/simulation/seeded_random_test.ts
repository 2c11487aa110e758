/** Proves that seeded randomness repeats, stays in its ranges, and reaches all of them. */

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "./seeded_random.ts";

function some(random: SeededRandom): number[] {
  return Array.from({ length: 50 }, () => random.below(1000));
}

Deno.test("SeededRandom repeats with the same seed and differs with another", () => {
  assertEquals(some(new SeededRandom(1)), some(new SeededRandom(1)));
  assertNotEquals(some(new SeededRandom(1)), some(new SeededRandom(2)));
});

Deno.test("SeededRandom.fork gives streams that do not depend on each other's length", () => {
  const [one, other] = [new SeededRandom(1), new SeededRandom(1)];
  const [short, long] = [one.fork(), other.fork()];
  short.below(10);
  some(long);
  assertEquals(some(one), some(other));
});

Deno.test("SeededRandom.below and SeededRandom.pick reach every choice and no other", () => {
  const random = new SeededRandom(3);
  const seen = new Set(Array.from({ length: 200 }, () => random.below(5)));
  assertEquals([...seen].sort(), [0, 1, 2, 3, 4]);
  const picked = new Set(Array.from({ length: 100 }, () => random.pick(["a", "b"])));
  assertEquals([...picked].sort(), ["a", "b"]);
  assertThrows(() => random.pick([]), RangeError);
});

Deno.test("SeededRandom.fraction stays from 0 to below 1", () => {
  const random = new SeededRandom(4);
  for (let count = 0; count < 1000; count++) {
    const fraction = random.fraction();
    assert(fraction >= 0 && fraction < 1);
  }
});

Deno.test("SeededRandom.shuffle keeps every thing and reaches every order", () => {
  const random = new SeededRandom(5);
  const orders = new Set(Array.from({ length: 200 }, () => random.shuffle([1, 2, 3]).join("")));
  assertEquals([...orders].sort(), ["123", "132", "213", "231", "312", "321"]);
});

Deno.test("SeededRandom.fill fills every byte", () => {
  const bytes = new Uint8Array(4096);
  new SeededRandom(6).fill(bytes);
  assertEquals(new Set(bytes).size, 256);
});
