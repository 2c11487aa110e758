/**
 * Proves that records keep their order, their numbers and those who wait for them on their way to the disk.
 */

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { encodeHead, type HeadRecord } from "../../src/wal/head.ts";
import { LogState } from "../../src/wal/log_state.ts";
import type { LogModel } from "../../src/wal/model.ts";
import { RecordQueue } from "../../src/wal/record_queue.ts";
import { joined, SALT } from "./sample_segment.ts";
import { makeFrame } from "./scan_oracle.ts";

const CLEARED: HeadRecord = {
  type: "verdict",
  kind: "cleared",
  epoch: 1,
  file: "",
  reason: "looked at",
  by: "an operator",
  at: "2026-01-01T00:00:00.000Z",
};

const body = (number: number) => Uint8Array.of(16, number);

/** Notes what it is given. */
class Notes implements LogModel<number> {
  readonly applied: [entry: number, lsn: number][] = [];
  encode = body;
  decode = () => null;
  reset(): void {}
  apply(entry: number, lsn: number): void {
    this.applied.push([entry, lsn]);
  }
  checkpoint = () => [];
}

Deno.test("RecordQueue folds and seals the records in the order in which they came", () => {
  using queue = new RecordQueue<number>();
  queue.add(1, body(1));
  queue.addHead(CLEARED, encodeHead(CLEARED));
  queue.addRider(2, body(2));
  queue.add(3, body(3));
  assertEquals([queue.count, queue.riders], [4, [2]]);
  const notes = new Notes();
  queue.fold(new LogState(notes), 7);
  assertEquals(notes.applied, [[1, 7], [2, 9], [3, 10]]);
  const bodies = [body(1), encodeHead(CLEARED), body(2), body(3)];
  const frames = joined(bodies.map((one, index) => makeFrame(one, index + 2, SALT, 7 + index)));
  assertEquals([queue.length, queue.seal(SALT, 7, 5).slice()], [frames.length, frames]);
});

Deno.test("RecordQueue.wait resolves for all to the number of the first record, when they are answered", async () => {
  using queue = new RecordQueue<number>();
  queue.addRider(1, body(1));
  assertEquals(queue.isAwaited, false);
  queue.add(2, body(2));
  const second = queue.wait();
  queue.addRider(3, body(3));
  queue.add(4, body(4));
  const fourth = queue.wait();
  assertEquals(queue.isAwaited, true);
  queue.answer(100);
  assertEquals([await second, await fourth], [100, 100]);
});

Deno.test("RecordQueue.refuse tells everybody who waits", async () => {
  using queue = new RecordQueue<number>();
  const refusal = new Error("Cannot write");
  queue.add(1, body(1));
  const first = queue.wait();
  queue.add(2, body(2));
  const second = queue.wait();
  queue.refuse(refusal);
  for (const waiting of [first, second]) {
    assertStrictEquals(await assertRejects(() => waiting), refusal);
  }
});

const NOTHING = { count: 0, length: 0, isAwaited: false, riders: [] };

function contentOf({ count, length, isAwaited, riders }: RecordQueue<number>) {
  return { count, length, isAwaited, riders };
}

Deno.test("RecordQueue.answer and refuse take everything out, and others may wait then", async () => {
  using queue = new RecordQueue<number>();
  queue.add(1, body(1));
  const first = queue.wait();
  queue.addRider(2, body(2));
  queue.answer(5);
  assertEquals(contentOf(queue), NOTHING);
  queue.add(3, body(3));
  const third = queue.wait();
  queue.refuse(new Error("Cannot write"));
  assertEquals(contentOf(queue), NOTHING);
  queue.add(4, body(4));
  const fourth = queue.wait();
  queue.answer(9);
  assertEquals([await first, await fourth], [5, 9]);
  await assertRejects(() => third, Error, "Cannot write");
});

Deno.test("RecordQueue.clear takes out what nobody waits for", () => {
  using queue = new RecordQueue<number>();
  queue.addRider(1, body(1));
  queue.clear();
  assertEquals(contentOf(queue), NOTHING);
});
