/**
 * Proves that what is live can always be restated, however much it is: no record of a checkpoint is longer than a
 * frame's body may be, and all of them together say the same as one would.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import { encodeRecord, type LogRecord } from "../../../src/wal/decisions/record.ts";
import { MAX_BODY_LENGTH } from "../../../src/wal/format.ts";
import { checkProperty } from "../../simulation/seeds.ts";

function committing(txn: bigint, participant: string, gid = "g"): LogRecord {
  return { type: "committing", txn, branches: [{ participant, gid, token: null }] };
}

function stateOf(records: readonly LogRecord[]): LiveState {
  const state = new LiveState(10);
  for (const record of records) state.apply(record);
  return state;
}

/** Restates a state by bytes; gives how many Checkpoints it took. */
function restate(state: LiveState): number {
  const bodies = state.checkpoint().map(encodeRecord);
  for (const { length } of bodies) assert(length <= MAX_BODY_LENGTH, `${length} bytes`);
  const again = new LiveState(10);
  for (const body of bodies) again.apply(again.decode(body)!);
  assertEquals(again.active, state.active);
  assertEquals([...again.participants], [...state.participants]);
  assertEquals([...again.outcomes], [...state.outcomes]);
  return bodies.filter(([tag]) => tag === 4).length;
}

Deno.test("LiveState.checkpoint() is one record for a thousand transactions as they are", () => {
  const records = Array.from({ length: 1000 }, (_, index) =>
    committing(
      BigInt(index),
      "a participant of a name of some length",
      "g".repeat(64),
    ));
  assertEquals(restate(stateOf(records)), 1);
});

Deno.test("LiveState.checkpoint() spreads over several records what is too long for one", () => {
  for (const letter of ["a", "é", "世", "😀"]) {
    const names = Array.from({ length: 40 }, () => letter.repeat(600_000 / letter.length));
    const transactions = names.map((name, index) => committing(BigInt(index), name));
    assert(restate(stateOf(transactions)) > 1, letter);
    const participants = names.map((name, index): LogRecord => ({
      type: "participant",
      name: `${index}`,
      kind: "postgresql",
      identity: name,
    }));
    assert(restate(stateOf(participants)) > 1, letter);
    restate(stateOf([...participants.slice(0, 20), ...transactions.slice(0, 20)]));
  }
});

Deno.test("Whatever LiveState lets into the log can be restated", () => {
  const state = new LiveState(10);
  const around = fc.integer({ min: MAX_BODY_LENGTH - 150, max: MAX_BODY_LENGTH });
  let accepted = 0;
  checkProperty(
    fc.property(around, fc.boolean(), (length, isDecided) => {
      const identity = "i".repeat(length);
      const record: LogRecord = isDecided
        ? committing(2n ** 64n - 1n, identity)
        : { type: "participant", name: "n", kind: "k", identity };
      try {
        state.encode(record);
      } catch (error) {
        assert(error instanceof RangeError);
        return;
      }
      accepted++;
      restate(stateOf([record, committing(5n, "other"), { ...record }]));
    }),
    30,
  );
  assert(accepted > 0);
  const tooLong = committing(1n, "p".repeat(MAX_BODY_LENGTH - 40));
  assertThrows(() => state.encode(tooLong), RangeError, "a Checkpoint could not restate it");
});
