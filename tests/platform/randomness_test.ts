/**
 * Proves that the machine's randomness fills what it is given, and how numbers are made of bytes.
 */

import { assert, assertEquals } from "@std/assert";
import { type Randomness, randomUint32, systemRandomness } from "../../src/platform/randomness.ts";

/** Gives these bytes, again and again. */
function fixed(...bytes: number[]): Randomness {
  return { fill: (target) => target.set(bytes), fraction: () => 0 };
}

Deno.test("systemRandomness.fill fills every byte, differently each time", () => {
  const [one, other] = [new Uint8Array(4096), new Uint8Array(4096)];
  systemRandomness.fill(one);
  systemRandomness.fill(other);
  assertEquals(new Set(one).size, 256);
  assert(one.some((byte, index) => byte !== other[index]));
});

Deno.test("systemRandomness.fraction stays from 0 to below 1", () => {
  for (let count = 0; count < 1000; count++) {
    const fraction = systemRandomness.fraction();
    assert(fraction >= 0 && fraction < 1);
  }
});

Deno.test("randomUint32 reads four bytes, the lowest first, without a sign", () => {
  assertEquals(randomUint32(fixed(0x78, 0x56, 0x34, 0x12)), 0x12345678);
  assertEquals(randomUint32(fixed(255, 255, 255, 255)), 2 ** 32 - 1);
  assertEquals(randomUint32(fixed(0, 0, 0, 0)), 0);
});
