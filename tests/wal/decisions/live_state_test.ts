/**
 * Proves what records add up to: that a decision is final, that order and participants are kept,
 * and that a checkpoint restates exactly what came before it.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SegmentScanner } from "../../../src/wal/core.ts";
import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import type { BranchRecord, LogRecord } from "../../../src/wal/decisions/record.ts";
import { checkProperty } from "../../simulation/seeds.ts";
import { makeFrame } from "../scan_oracle.ts";

const EARLY: BranchRecord[] = [{ participant: "orders", gid: "early", token: null }];
const LATE: BranchRecord[] = [{ participant: "orders", gid: "late", token: "7" }];

function stateOf(...records: LogRecord[]): LiveState {
  const state = new LiveState();
  for (const record of records) state.apply(record);
  return state;
}

function begin(txn: bigint): LogRecord {
  return { type: "begin", txn, branches: EARLY };
}

function committing(txn: bigint, branches: BranchRecord[] = LATE): LogRecord {
  return { type: "committing", txn, branches };
}

function end(txn: bigint): LogRecord {
  return { type: "end", txn };
}

function participant(name: string, identity: string = "one"): LogRecord {
  return { type: "participant", name, kind: "postgresql", identity };
}

function numbers(state: LiveState): bigint[] {
  return state.active.map(({ txn }) => txn);
}

Deno.test("LiveState knows nothing at first", () => {
  const state = stateOf();
  assertEquals([state.active, [...state.participants]], [[], []]);
});

Deno.test("LiveState keeps a transaction from its first record to its End", () => {
  assertEquals(stateOf(begin(1n)).active, [{ txn: 1n, decided: false, branches: EARLY }]);
  const decided = [{ txn: 1n, decided: true, branches: LATE }];
  assertEquals(stateOf(committing(1n)).active, decided);
  assertEquals(stateOf(begin(1n), committing(1n)).active, decided);
  assertEquals(stateOf(begin(1n), committing(1n), end(1n)).active, []);
  assertEquals(stateOf(begin(1n), end(1n)).active, []);
});

Deno.test("LiveState takes a decision back for nothing but an End", () => {
  const decided = stateOf(committing(1n));
  for (const record of [begin(1n), committing(1n, EARLY), end(2n), participant("orders")]) {
    decided.apply(record);
    assertEquals(decided.active, [{ txn: 1n, decided: true, branches: LATE }]);
  }
});

Deno.test("LiveState keeps the branches of the first Begin", () => {
  const state = stateOf(begin(1n), { type: "begin", txn: 1n, branches: LATE });
  assertEquals(state.active, [{ txn: 1n, decided: false, branches: EARLY }]);
});

Deno.test("LiveState ignores an End of a transaction that it does not know", () => {
  assertEquals(numbers(stateOf(end(1n), committing(2n), end(3n))), [2n]);
});

Deno.test("LiveState keeps the order of first mention", () => {
  const state = stateOf(begin(3n), committing(1n), committing(2n), committing(3n), end(1n));
  assertEquals(numbers(state), [3n, 2n]);
});

Deno.test("LiveState keeps every participant, with what was last said of it", () => {
  const state = stateOf(participant("b"), participant("a"), participant("b", "two"));
  assertEquals([...state.participants.values()], [
    { name: "b", kind: "postgresql", identity: "two" },
    { name: "a", kind: "postgresql", identity: "one" },
  ]);
});

Deno.test("LiveState.active does not change afterwards", () => {
  const state = stateOf(committing(1n));
  const before = state.active;
  state.apply(end(1n));
  assertEquals([before.length, state.active.length], [1, 0]);
});

Deno.test("LiveState.reset forgets everything", () => {
  const state = stateOf(committing(1n), participant("a"));
  state.reset();
  assertEquals([state.active, [...state.participants]], [[], []]);
});

Deno.test("LiveState.checkpoint restates everything, however long the log was", () => {
  const txn = fc.bigInt({ min: 0n, max: 5n });
  const records = fc.oneof(
    txn.map(begin),
    txn.map((number) => committing(number)),
    txn.map(end),
    fc.constantFrom("a", "b").map((name) => participant(name)),
  );
  checkProperty(fc.property(fc.array(records), (log) => {
    const state = stateOf(...log);
    const restated = stateOf(...state.checkpoint());
    assertEquals(restated.active, state.active);
    assertEquals([...restated.participants], [...state.participants]);
  }));
});

Deno.test("LiveState.checkpoint is one record for an empty log too", () => {
  assertEquals(stateOf().checkpoint(), [{ type: "checkpoint", active: [], participants: [] }]);
});

Deno.test("LiveState.checkpoint spreads very many transactions over several records", () => {
  const state = stateOf(participant("a"));
  for (let txn = 0n; txn < 20_001n; txn++) state.apply(committing(txn));
  const checkpoint = state.checkpoint();
  assertEquals(checkpoint.length, 3);
  const restated = stateOf(...checkpoint);
  assertEquals(numbers(restated), numbers(state));
  assertEquals([...restated.participants], [...state.participants]);
});

Deno.test("LiveState encodes and decodes records", () => {
  const state = new LiveState();
  assertEquals(state.decode(state.encode(committing(5n))), committing(5n));
  assertEquals(state.decode(Uint8Array.of(200, 1)), null);
});

Deno.test("LiveState keeps the last outcomes and restates them", () => {
  const state = new LiveState(2);
  const aborted = { txn: 3n, committed: false };
  for (
    const record of [
      committing(1n),
      end(1n),
      committing(2n),
      { type: "outcomes", forgotten: 0n, outcomes: [aborted] } as const,
    ]
  ) state.apply(record);
  assertEquals([...state.outcomes], [{ txn: 2n, committed: true }, aborted]);
  assertEquals(state.outcomes.forgotten, 1n);
  const restated = new LiveState(2);
  for (const record of state.checkpoint()) restated.apply(record);
  assertEquals([...restated.outcomes].toSorted(byNumber), [...state.outcomes]);
  assertEquals(restated.outcomes.forgotten, 1n);
});

function byNumber(one: { txn: bigint }, other: { txn: bigint }): number {
  return Number(one.txn - other.txn);
}

Deno.test("LiveState keeps a doubt until its outcome is known", () => {
  const state = new LiveState(2);
  const doubt: LogRecord = { type: "doubt", txn: 4n, branches: LATE };
  state.apply(doubt);
  assertEquals(state.active, [{ txn: 4n, decided: false, branches: LATE, doubtful: true }]);
  assertEquals(state.checkpoint().slice(1), [doubt]);
  state.apply({ type: "outcomes", forgotten: 0n, outcomes: [{ txn: 4n, committed: true }] });
  assertEquals(state.active, []);
});

Deno.test("LiveState keeps the last verdicts of operators, and every adoption", () => {
  const state = new LiveState();
  const fields = { participant: "", gid: "", reason: "r", by: "b", at: "t" };
  state.apply({ type: "branch-verdict", kind: "adopt", subject: "lost", ...fields });
  for (let count = 0; count < 150; count++) {
    state.apply({ type: "branch-verdict", kind: "forget", subject: String(count), ...fields });
  }
  const restated = new LiveState();
  for (const record of state.checkpoint()) restated.apply(record);
  assertEquals([...restated.adopted], ["lost"]);
  assertEquals(restated.checkpoint(), state.checkpoint());
  assertEquals(state.checkpoint().length, 1 + 100);
});

Deno.test("LiveState.replay() does what reading a record and applying it does", () => {
  const text = fc.oneof(fc.string({ maxLength: 9 }), fc.string({ unit: "grapheme", maxLength: 5 }));
  const branches = fc.array(
    fc.record({ participant: text, gid: text, token: fc.option(text) }),
    { maxLength: 3 },
  );
  const few = fc.oneof(
    fc.bigInt(0n, 6n),
    fc.bigInt(2n ** 53n - 2n, 2n ** 53n + 2n),
    fc.constant(2n ** 64n - 1n),
  );
  const records = fc.array(
    fc.oneof(
      fc.record({ type: fc.constantFrom("begin", "committing", "doubt"), txn: few, branches }),
      fc.record({ type: fc.constant("end"), txn: few }),
    ) as fc.Arbitrary<LogRecord>,
    { maxLength: 25 },
  );
  let replayed = 0;
  checkProperty(
    fc.property(records, fc.nat(25), (all, cut) => {
      const [applied, state] = [new LiveState(4), new LiveState(4)];
      for (const record of all) applied.apply(record);
      using scanner = new SegmentScanner(25);
      // In two parts, as when a segment is read piece by piece.
      for (const part of [all.slice(0, cut), all.slice(cut)]) {
        const frames = part.map((record, index) => makeFrame(state.encode(record), 0, 1, index));
        const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
        scanner.reserve(bytes.length);
        scanner.bytes().set(bytes);
        const count = scanner.scan(0, bytes.length, 1, 0);
        assertEquals(count, part.length);
        const table = scanner.table().slice();
        for (let row = 0; row < count; row++) {
          const next = state.replay(bytes, table, row, count);
          replayed += next - row;
          row = next;
          if (row < count) state.apply(part[row]!);
        }
        state.endReplay(bytes.slice());
        bytes.fill(0);
      }
      assertEquals(state.active, applied.active);
      assertEquals([...state.outcomes], [...applied.outcomes]);
      assertEquals(state.outcomes.forgotten, applied.outcomes.forgotten);
      assertEquals(state.checkpoint(), applied.checkpoint());
    }),
    500,
  );
  assert(replayed > 500, `${replayed} records were replayed`);
});
