/**
 * Proves what a log knows of itself: that epochs only grow, that verdicts stand until they are
 * cleared, and that the records which open a segment restate all of it.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { decodeRecord } from "../../src/wal/decisions/record.ts";
import {
  decodeHead,
  type HeadRecord,
  type RepairRecord,
  type VerdictRecord,
} from "../../src/wal/head.ts";
import { LogState } from "../../src/wal/log_state.ts";
import type { LogModel } from "../../src/wal/model.ts";
import { committing, EPOCH, LOG_ID, SALT } from "./sample_segment.ts";

const DAMAGED: VerdictRecord = {
  type: "verdict",
  kind: "damaged",
  epoch: 1,
  file: "00000000000000000000.wal",
  reason: "a test",
  by: "recovery",
  at: "2026-01-01T00:00:00.000Z",
};
const CLEARED: VerdictRecord = { ...DAMAGED, kind: "cleared", file: "", by: "somebody" };

const REPAIRED: RepairRecord = {
  type: "verdict",
  kind: "repaired",
  epoch: 2,
  done: "opened",
  reason: "a test",
  by: "somebody",
  at: "2026-01-01T00:00:00.000Z",
};

/** Bodies of the frames that open a segment. */
function openingOf(state: LogState<unknown>, follows?: number): Uint8Array[] {
  using opening = state.opening(follows);
  const bytes = opening.seal(SALT, 0, 0).slice();
  const bodies: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = new DataView(bytes.buffer).getUint32(offset + 4, true);
    bodies.push(bytes.slice(offset + 16, offset + 16 + length));
    offset += 16 + length;
  }
  return bodies;
}

function heads(state: LogState<unknown>): HeadRecord[] {
  return openingOf(state).map(decodeHead).filter((record) => record !== null);
}

Deno.test("LogState knows nothing at first, and has reset its model", () => {
  const model = new LiveState();
  model.apply(committing(1n));
  const state = new LogState(model);
  assertEquals([state.id, state.epoch, state.damages], [null, 0, []]);
  assertEquals([model.active, state.restates], [[], true]);
});

Deno.test("LogState.begin takes only a larger epoch", () => {
  const state = new LogState(new LiveState());
  state.applyHead({ ...EPOCH, epoch: 5 });
  for (const epoch of [0, 4, 5]) assertThrows(() => state.begin(LOG_ID, epoch, ""), RangeError);
  state.begin(LOG_ID, 6, "");
  assertEquals(state.epoch, 6);
});

Deno.test("LogState.applyHead never takes an epoch back", () => {
  const state = new LogState(new LiveState());
  state.applyHead({ ...EPOCH, epoch: 5 });
  state.applyHead({ ...EPOCH, epoch: 3 });
  assertEquals([state.epoch, state.id], [5, LOG_ID]);
});

Deno.test("LogState.damages stand until they are cleared", () => {
  const state = new LogState(new LiveState());
  state.applyHead(EPOCH);
  state.applyHead(DAMAGED);
  state.applyHead({ ...DAMAGED, file: "another" });
  assertEquals(state.damages.map(({ file }) => file), [DAMAGED.file, "another"]);
  state.applyHead(CLEARED);
  assertEquals(state.damages, []);
  state.applyHead(DAMAGED);
  assertEquals(state.damages, [DAMAGED]);
});

Deno.test("LogState.opening restates epoch, verdicts and entries, and counts them", () => {
  const model = new LiveState();
  const state = new LogState(model);
  state.begin(LOG_ID, 4, "then");
  state.applyHead(DAMAGED);
  state.apply(committing(7n), 0);
  const [first, ...others] = heads(state);
  const expected = { id: LOG_ID, epoch: 4, started: "then", opening: 3, restated: true };
  assertEquals(first, { type: "epoch", ...expected });
  assertEquals(others, [DAMAGED]);
  const last = openingOf(state).at(-1);
  assert(last !== undefined);
  assertEquals(decodeRecord(last), model.checkpoint()[0]);
});

Deno.test("LogState.opening read again gives the same state", () => {
  const state = new LogState(new LiveState());
  state.begin(LOG_ID, 4, "then");
  state.applyHead(DAMAGED);
  const again = new LogState(new LiveState());
  for (const head of heads(state)) again.applyHead(head);
  assertEquals([again.id, again.epoch, again.damages], [LOG_ID, 4, [DAMAGED]]);
});

Deno.test("LogState.opening restates verdicts of operators, and none of them clears what stands", () => {
  const state = new LogState(new LiveState());
  state.begin(LOG_ID, 4, "then");
  for (const record of [DAMAGED, REPAIRED, CLEARED]) state.applyHead(record);
  assertEquals(heads(state).slice(1), [REPAIRED, CLEARED]);
  const later = { ...DAMAGED, file: "another" };
  state.applyHead(later);
  state.applyHead({ ...REPAIRED, epoch: 4 });
  const [first, ...verdicts] = heads(state);
  assertEquals(verdicts, [REPAIRED, CLEARED, { ...REPAIRED, epoch: 4 }, later]);
  assert(first?.type === "epoch");
  assertEquals(first.opening, openingOf(state).length);
  const again = new LogState(new LiveState());
  for (const head of heads(state)) again.applyHead(head);
  assertEquals(again.damages, [later]);
  assertEquals(heads(again), heads(state));
});

Deno.test("LogState.opening restates the latest verdicts of operators only", () => {
  const state = new LogState(new LiveState());
  state.begin(LOG_ID, 100, "then");
  state.applyHead(DAMAGED);
  for (let epoch = 1; epoch < 100; epoch++) state.applyHead({ ...REPAIRED, epoch });
  const epochs = heads(state).slice(1).map(({ epoch }) => epoch);
  assertEquals(epochs, [...Array.from({ length: 16 }, (_, index) => 84 + index), DAMAGED.epoch]);
});

Deno.test("LogState.opening says where records end if it is told", () => {
  const state = new LogState(new LiveState());
  state.begin(LOG_ID, 4, "then");
  const [body = new Uint8Array()] = openingOf(state, 9);
  assertEquals(decodeHead(body), {
    type: "epoch",
    id: LOG_ID,
    epoch: 4,
    started: "then",
    opening: 2,
    restated: true,
    follows: 9,
  });
});

Deno.test("LogState.opening needs an id", () => {
  assertThrows(() => new LogState(new LiveState()).opening(), TypeError);
});

Deno.test("LogState.opening of a log that keeps every entry restates none", () => {
  const keepsAll: LogModel<number> = {
    encode: (entry) => Uint8Array.of(16, entry),
    decode: (body) => body[1] ?? null,
    reset: () => {},
    apply: () => {},
    checkpoint: () => null,
  };
  const state = new LogState(keepsAll);
  state.begin(LOG_ID, 1, "then");
  state.apply(5, 0);
  assertEquals(state.restates, false);
  const expected = { id: LOG_ID, epoch: 1, started: "then", opening: 1, restated: false };
  assertEquals(heads(state), [{ type: "epoch", ...expected }]);
  assertEquals(openingOf(state).length, 1);
});
