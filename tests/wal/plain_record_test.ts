/**
 * Proves that the core knows the records that every commit writes: those it calls plain are read the same by
 * the general decoder, as a Begin, a decision or an End of the same transaction; what is encoded the short way
 * is plain; and of all others it says so.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NOT_PLAIN, SegmentScanner, TABLE_COLUMNS } from "../../src/wal/core.ts";
import { encodeHotBranches, encodeHotEnd } from "../../src/wal/decisions/hot_record.ts";
import { decodeRecord, encodeRecord, RECORD_TAGS } from "../../src/wal/decisions/record.ts";
import { checkProperty } from "../simulation/seeds.ts";
import { makeFrame } from "./scan_oracle.ts";

const SALT = 77;

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", minLength: 250, maxLength: 255 }),
);
const txn = fc.bigInt({ min: 0n, max: (BigInt(NOT_PLAIN) << 32n) - 1n });
const branches = fc.array(
  fc.record({ participant: text, gid: text, token: fc.option(text) }),
  { maxLength: 15 },
);
const plainBody = fc.oneof(
  fc.record({ tag: fc.constantFrom(RECORD_TAGS.begin, RECORD_TAGS.committing), txn, branches }),
  fc.record({ tag: fc.constant(RECORD_TAGS.end), txn, branches: fc.constant(null) }),
).map(({ tag, txn, branches }) => {
  const body = branches === null ? encodeHotEnd(tag, txn) : encodeHotBranches(tag, txn, branches);
  // Branches that are longer than the short way takes are left out.
  return { txn, body: (body ?? encodeHotBranches(tag, txn, []))!.slice() };
});

/** The transaction of a body as the core tells it; `null` if it is not plain. */
function plainTransaction(scanner: SegmentScanner, body: Uint8Array): bigint | null {
  const frame = makeFrame(body, 0, SALT, 5);
  scanner.reserve(frame.length);
  scanner.bytes().set(frame);
  assertEquals(scanner.scan(0, frame.length, SALT, 5), 1);
  const [offset, length, unsynced, tag, high, low] = scanner.table().subarray(0, TABLE_COLUMNS);
  assertEquals([offset, length, unsynced, tag], [0, body.length, 0, body[0]]);
  return high === NOT_PLAIN ? null : (BigInt(high!) << 32n) | BigInt(low!);
}

Deno.test("What every commit writes is plain", () => {
  using scanner = new SegmentScanner(1);
  checkProperty(
    fc.property(plainBody, ({ txn, body }) => {
      assertEquals(plainTransaction(scanner, body), txn);
    }),
    500,
  );
});

Deno.test("Nothing is plain that the general way refuses or reads otherwise", () => {
  using scanner = new SegmentScanner(1);
  const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 });
  let taken = 0;
  checkProperty(
    fc.property(plainBody, damage, fc.nat(4), ({ body }, damage, cut) => {
      for (const [at, byte] of damage) if (at < body.length) body[at] = byte;
      const bytes = body.subarray(0, body.length - cut);
      const number = plainTransaction(scanner, bytes);
      if (number === null) return;
      const record = decodeRecord(bytes);
      const types = ["begin", "committing", "end"];
      assert(record !== null && types.includes(record.type), `a ${record?.type} is called plain`);
      assertEquals("txn" in record ? record.txn : null, number);
      taken++;
    }),
    2000,
  );
  assert(taken > 100, `${taken} of 2000 were taken`);
});

Deno.test("What the short way does not write is not plain", () => {
  using scanner = new SegmentScanner(1);
  const branch = { participant: "a", gid: "g", token: null };
  const others = [
    encodeRecord({ type: "committing", txn: 1n, branches: [{ ...branch, participant: "größe" }] }),
    encodeRecord({ type: "committing", txn: 1n, branches: Array(16).fill(branch) }),
    encodeRecord({ type: "doubt", txn: 1n, branches: [branch] }),
    encodeRecord({ type: "end", txn: BigInt(NOT_PLAIN) << 32n }),
    Uint8Array.of(200, 1),
  ];
  for (const body of others) assertEquals(plainTransaction(scanner, body), null);
});
