/**
 * Proves that a batch of frames becomes exactly the bytes that the format says, wherever and
 * however often it is sealed, and that its memory grows and is given back.
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MAX_BODY_LENGTH } from "../../src/wal/format.ts";
import { FrameBatch } from "../../src/wal/frame_batch.ts";
import { checkProperty } from "../simulation/seeds.ts";
import { joined, SALT } from "./sample_segment.ts";
import { makeFrame } from "./scan_oracle.ts";

const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 20 });

/** The same frames by the oracle. */
function framesByHand(
  bodies: readonly Uint8Array[],
  salt: number,
  firstLsn: number,
  synced: number,
): Uint8Array {
  return joined(bodies.map((body, index) => {
    const lsn = firstLsn + index;
    return makeFrame(body, lsn - synced, salt, lsn);
  }));
}

Deno.test("FrameBatch.seal makes the frames of the format", () => {
  const place = fc.record({ salt: fc.nat(), firstLsn: fc.nat(), unsynced: fc.nat(1000) });
  checkProperty(fc.property(bodies, place, (bodies, { salt, firstLsn, unsynced }) => {
    using batch = new FrameBatch();
    for (const body of bodies) batch.add(body);
    const synced = Math.max(0, firstLsn - unsynced);
    const expected = framesByHand(bodies, salt, firstLsn, synced);
    assertEquals(batch.seal(salt, firstLsn, synced).slice(), expected);
    assertEquals([batch.count, batch.length], [bodies.length, expected.length]);
  }));
});

Deno.test("FrameBatch.seal works for LSNs beyond 32 bits, up to the last safe one", () => {
  using batch = new FrameBatch();
  batch.add(Uint8Array.of(1, 2));
  for (const lsn of [2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
    assertEquals(
      batch.seal(SALT, lsn, lsn).slice(),
      framesByHand([Uint8Array.of(1, 2)], SALT, lsn, lsn),
    );
  }
  assertThrows(() => batch.seal(SALT, 2 ** 53, 2 ** 53), RangeError);
});

Deno.test("FrameBatch.seal can be repeated for another place", () => {
  using batch = new FrameBatch();
  const bodies = [Uint8Array.of(1), Uint8Array.of(2, 3)];
  for (const body of bodies) batch.add(body);
  batch.seal(1, 10, 5);
  assertEquals(batch.seal(SALT, 70, 70).slice(), framesByHand(bodies, SALT, 70, 70));
});

Deno.test("FrameBatch.takeFirst seals the first frames and leaves the others as if they had been all", () => {
  const some = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1 });
  checkProperty(fc.property(some, fc.nat(), (bodies, number) => {
    using batch = new FrameBatch();
    for (const body of bodies) batch.add(body);
    const taken = number % (bodies.length + 1);
    const first = batch.takeFirst(taken, SALT, 70, 65);
    assertEquals(first, framesByHand(bodies.slice(0, taken), SALT, 70, 65));
    const rest = framesByHand(bodies.slice(taken), 9, 700, 700);
    assertEquals([batch.count, batch.length], [bodies.length - taken, rest.length]);
    assertEquals(batch.seal(9, 700, 700).slice(), rest);
  }));
});

Deno.test("FrameBatch.clear takes all frames out", () => {
  using batch = new FrameBatch();
  batch.add(new Uint8Array(100).fill(7));
  batch.clear();
  assertEquals([batch.count, batch.length, batch.seal(SALT, 0, 0).length], [0, 0, 0]);
  batch.add(Uint8Array.of(9));
  assertEquals(batch.seal(SALT, 3, 3).slice(), framesByHand([Uint8Array.of(9)], SALT, 3, 3));
});

Deno.test("FrameBatch grows beyond its first size and keeps what it has", () => {
  using batch = new FrameBatch();
  const bodies = Array.from({ length: 30 }, (_, index) => new Uint8Array(9000).fill(index + 1));
  for (const body of bodies) batch.add(body);
  assertEquals(batch.seal(SALT, 0, 0).slice(), framesByHand(bodies, SALT, 0, 0));
});

Deno.test("FrameBatch.add takes bodies of 1 byte to the maximum and no others", () => {
  using batch = new FrameBatch();
  for (const length of [0, MAX_BODY_LENGTH + 1]) {
    assertThrows(() => batch.add(new Uint8Array(length)), RangeError);
  }
  assertEquals(batch.count, 0);
  batch.add(new Uint8Array(MAX_BODY_LENGTH));
  assertEquals(batch.seal(SALT, 0, 0).length, MAX_BODY_LENGTH + 16);
});

Deno.test("FrameBatch.seal refuses a promise that the format cannot hold", () => {
  using batch = new FrameBatch();
  batch.add(Uint8Array.of(1));
  assertThrows(() => batch.seal(SALT, 100_000, 0), RangeError);
  assertThrows(() => batch.seal(SALT, 5, 6), RangeError);
});

Deno.test("FrameBatch cannot be used after it was disposed of", () => {
  const batch = new FrameBatch();
  batch.add(Uint8Array.of(1));
  batch[Symbol.dispose]();
  assertThrows(() => batch.add(Uint8Array.of(1)), TypeError);
  assertThrows(() => batch.seal(SALT, 0, 0), TypeError);
});
