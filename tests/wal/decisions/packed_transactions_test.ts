/**
 * Proves that a checkpoint whose transactions are not decoded holds what decoding it gives, whatever has become of
 * its bytes, and that a state which takes it up knows the same as one that was given all of them.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import {
  PackedTransactions,
  unpackCheckpoint,
} from "../../../src/wal/decisions/packed_transactions.ts";
import {
  type ActiveTransaction,
  decodeRecord,
  encodeRecord,
  type LogRecord,
} from "../../../src/wal/decisions/record.ts";
import { checkProperty } from "../../simulation/seeds.ts";

type Checkpoint = Extract<LogRecord, { type: "checkpoint" }>;

const text = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 10 }),
);
const branches = fc.array(
  fc.record({ participant: text, gid: text, token: fc.option(text) }),
  { maxLength: 20 },
);
/** Most have one high half, as those of one opening have. */
const txn = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt(7n * 2n ** 32n, 7n * 2n ** 32n + 40n) },
  { weight: 3, arbitrary: fc.bigInt(8n * 2n ** 32n - 40n, 8n * 2n ** 32n - 1n) },
  { weight: 1, arbitrary: fc.bigInt(0n, 2n ** 64n - 1n) },
);
const active = fc.uniqueArray(fc.record({ txn, decided: fc.boolean(), branches }), {
  maxLength: 20,
  selector: (one) => one.txn,
}) as fc.Arbitrary<ActiveTransaction[]>;
const participants = fc.array(fc.record({ name: text, kind: text, identity: text }), {
  maxLength: 3,
});
const checkpoint = fc.record({ type: fc.constant("checkpoint"), active, participants }) as //
fc.Arbitrary<Checkpoint>;

function inFull({ type, active, participants }: Checkpoint): Checkpoint {
  return { type, active: [...active], participants };
}

/** What the general way gives; `null` if it refuses. */
function decoded(body: Uint8Array): LogRecord | null {
  try {
    return decodeRecord(body);
  } catch {
    return null;
  }
}

Deno.test("unpackCheckpoint() holds what decodeRecord() gives, and takes what one opening writes", () => {
  let taken = 0;
  checkProperty(
    fc.property(checkpoint, (checkpoint) => {
      const body = encodeRecord(checkpoint);
      const unpacked = unpackCheckpoint(body);
      const highs = new Set([...checkpoint.active].map((one) => one.txn >> 32n));
      const isPlain = checkpoint.participants.every((one) =>
        /^[\0-\x7f]*$/.test(one.name + one.kind + one.identity)
      );
      assertEquals(unpacked !== null, highs.size <= 1 && isPlain);
      if (unpacked === null) return;
      taken++;
      assert(unpacked.active instanceof PackedTransactions);
      assertEquals(unpacked.active.length, checkpoint.active.length);
      // The body is another's afterwards.
      body.fill(0xff);
      assertEquals(inFull(unpacked), checkpoint);
    }),
    500,
  );
  assert(taken > 50, `${taken} of 500 were taken`);
});

Deno.test("unpackCheckpoint() takes nothing that decodeRecord() refuses or reads otherwise", () => {
  let taken = 0;
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), length: fc.nat() });
  checkProperty(
    fc.property(checkpoint, change, (checkpoint, { at, byte, length }) => {
      const body = encodeRecord(checkpoint);
      // In half of the cases it is cut off.
      const changed = body.slice(0, length % 2 === 0 ? body.length : 1 + length % body.length);
      if (at % changed.length > 0) changed[at % changed.length] = byte;
      let unpacked: Checkpoint | null = null;
      try {
        unpacked = unpackCheckpoint(changed);
      } catch (error) {
        assert(error instanceof TypeError, `${error}`);
      }
      if (unpacked === null) return;
      taken++;
      assertEquals(inFull(unpacked), decoded(changed));
    }),
    3000,
  );
  assert(taken > 100, `${taken} of 3000 were taken`);
});

Deno.test("LiveState knows the same after a checkpoint that it has not decoded", () => {
  const records = fc.array(
    fc.oneof(
      fc.record({ type: fc.constantFrom("begin", "committing", "doubt"), txn, branches }),
      fc.record({ type: fc.constant("end"), txn }),
      checkpoint,
    ) as fc.Arbitrary<LogRecord>,
    { maxLength: 12 },
  );
  checkProperty(
    fc.property(records, (records) => {
      const [given, read] = [new LiveState(4), new LiveState(4)];
      for (const record of records) {
        given.apply(record);
        const body = encodeRecord(record);
        read.apply(read.decode(body)!);
        body.fill(0xff);
        read.endReplay(new Uint8Array(0));
      }
      assertEquals(read.active, given.active);
      assertEquals([...read.participants], [...given.participants]);
      assertEquals([...read.outcomes], [...given.outcomes]);
    }),
    500,
  );
});
