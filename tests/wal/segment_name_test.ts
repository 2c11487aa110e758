/**
 * Proves which file names are segments, and that a segment's name and first LSN determine each
 * other.
 */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  brokenName,
  lsnInName,
  parseSegmentName,
  pathOf,
  segmentName,
  UNFINISHED_SUFFIX,
} from "../../src/wal/segment_name.ts";
import { checkProperty } from "../simulation/seeds.ts";

Deno.test("segmentName and parseSegmentName are each other's reverse", () => {
  checkProperty(fc.property(fc.maxSafeNat(), (firstLsn) => {
    const name = segmentName(firstLsn);
    assertEquals(name.length, 24);
    assertEquals(parseSegmentName(name), firstLsn);
  }));
});

Deno.test("segmentName sorts as the LSNs do", () => {
  checkProperty(fc.property(fc.array(fc.maxSafeNat()), (lsns) => {
    const inOrder = lsns.toSorted((one, other) => one - other);
    assertEquals(lsns.map(segmentName).sort(), inOrder.map(segmentName));
  }));
});

Deno.test("segmentName writes 20 digits", () => {
  assertEquals(segmentName(0), "00000000000000000000.wal");
  assertEquals(segmentName(Number.MAX_SAFE_INTEGER), "00009007199254740991.wal");
});

Deno.test("segmentName refuses what cannot be an LSN", () => {
  for (const lsn of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => segmentName(lsn), RangeError, `${lsn}`);
  }
});

Deno.test("parseSegmentName takes nothing else for a segment", () => {
  const strays = [
    "",
    "7.wal",
    "+10.wal",
    "README",
    ".lock",
    "identity.json",
    "0000000000000000000.wal",
    "000000000000000000000.wal",
    "+0000000000000000010.wal",
    " 0000000000000000010.wal",
    "0x00000000000000000a.wal",
    "00000000000000000000.WAL",
    "00000000000000000000.wal\n",
    "00000000000000000000.wal.broken",
    "a00000000000000000000.wal",
    segmentName(0) + UNFINISHED_SUFFIX,
  ];
  for (const name of strays) assertEquals(parseSegmentName(name), null, name);
});

Deno.test("parseSegmentName takes no LSN that a number cannot hold", () => {
  assertEquals(parseSegmentName("00009007199254740992.wal"), null);
  assertEquals(parseSegmentName("99999999999999999999.wal"), null);
});

Deno.test("pathOf puts one slash between directory and name", () => {
  assertEquals([pathOf("a", "b"), pathOf("a/", "b"), pathOf("/", "b")], ["a/b", "a/b", "/b"]);
});

Deno.test("lsnInName reads the LSN of segments, of those set aside and of unfinished ones", () => {
  const name = segmentName(42);
  for (const suffix of ["", ".broken-1", ".broken-1-2", UNFINISHED_SUFFIX]) {
    assertEquals(lsnInName(name + suffix), 42);
  }
  for (const stray of ["", "7.wal", "next-0.unfinished", "README", `x${name}`]) {
    assertEquals(lsnInName(stray), null, stray);
  }
});

Deno.test("brokenName gives a name that no file has", () => {
  const name = segmentName(0);
  const taken: string[] = [name];
  for (let count = 0; count < 5; count++) {
    const broken = brokenName(name, 3, taken);
    assertEquals(taken.includes(broken), false);
    assertEquals(parseSegmentName(broken), null);
    assertEquals(lsnInName(broken), 0);
    taken.push(broken);
  }
  assertEquals(taken[1], `${name}.broken-3`);
});
