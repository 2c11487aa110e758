/**
 * Proves that everything a log holds for its callers has a limit, and that what is refused costs
 * nobody else anything.
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import { FRAME_HEADER_LENGTH, MAX_BODY_LENGTH } from "../../src/wal/format.ts";
import { MAX_QUEUED_BYTES, MAX_QUEUED_RECORDS } from "../../src/wal/writer.ts";
import { BytesModel, callsOf, openLog, openWith } from "./open_log.ts";
import { committing } from "./sample_segment.ts";

const ENTRY = Uint8Array.of(16, 1);

/** In one segment, of which no other is prepared meanwhile. */
function openBytes() {
  const options = { segmentSize: 67_108_864 };
  return openWith<Uint8Array, BytesModel>(new BytesModel(), undefined, options);
}

Deno.test("LogWriter syncs when very many records wait for a sync that nobody asked for", async () => {
  const { log, disk, clock } = await openBytes();
  const first = disk.calls.length;
  for (let count = 0; count < MAX_QUEUED_RECORDS; count++) log.appendLazily(ENTRY);
  await clock.settle();
  assertEquals(callsOf(disk, "syncData", first), 0);
  for (let count = 0; count < MAX_QUEUED_RECORDS; count++) log.appendLazily(ENTRY);
  await clock.settle();
  assertEquals(callsOf(disk, "syncData", first), 1);
  await clock.finish(log.close());
});

Deno.test("LogWriter refuses more records than its queue holds, and only those", async () => {
  const { log, disk, clock } = await openBytes();
  const hold = disk.hold("syncData");
  const underWay = log.append(ENTRY);
  await clock.settle();
  const queued = Array.from({ length: MAX_QUEUED_RECORDS }, () => log.append(ENTRY));
  const error = await assertRejects(() => log.append(ENTRY), LogUnavailableError, "16384");
  assertEquals(error.written, "no");
  assertThrows(() => log.appendLazily(ENTRY), LogUnavailableError);
  hold.release();
  const lsns = await clock.finish(Promise.all([underWay, ...queued]));
  assertEquals(lsns.at(-1), 1 + MAX_QUEUED_RECORDS);
  assertEquals(await clock.finish(log.append(ENTRY)), 2 + MAX_QUEUED_RECORDS);
  await clock.finish(log.close());
});

Deno.test("LogWriter refuses more bytes than its queue holds", async () => {
  const { log, disk, clock } = await openBytes();
  disk.fail({ kind: "write", times: Infinity });
  const large = new Uint8Array(MAX_QUEUED_BYTES / 8 - FRAME_HEADER_LENGTH).fill(16);
  const queued = Array.from({ length: 8 }, () => log.append(large).catch(() => {}));
  const error = await assertRejects(
    () => log.append(Uint8Array.of(16)),
    LogUnavailableError,
  );
  assertEquals(error.written, "no");
  await clock.finish(Promise.all(queued));
  await clock.finish(log.close());
});

Deno.test("LogWriter refuses a record that is empty or too long, and goes on", async () => {
  const { log, clock } = await openBytes();
  for (const length of [0, MAX_BODY_LENGTH + 1]) {
    const entry = new Uint8Array(length).fill(16);
    await assertRejects(() => log.append(entry), RangeError);
    assertThrows(() => log.appendLazily(entry), RangeError);
  }
  assertEquals(log.failure, null);
  assertEquals(await clock.finish(log.append(Uint8Array.of(16, 1))), 1);
  await clock.finish(log.close());
});

Deno.test("LogWriter refuses an entry that cannot be encoded, and goes on", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  const wrong = { type: "end", txn: -1n } as const;
  await assertRejects(() => log.append(wrong), RangeError);
  assertThrows(() => log.appendLazily(wrong), RangeError);
  assertEquals(disk.calls.length, first);
  await clock.finish(log.append(committing(1n)));
  await clock.finish(log.close());
});

Deno.test("LogWriter refuses a tag that is not the application's to give", async () => {
  const { log, clock } = await openBytes();
  for (const tag of [0, 1, 5, 7, 15]) {
    await assertRejects(() => log.append(Uint8Array.of(tag)), RangeError, `${tag}`);
    assertThrows(() => log.appendLazily(Uint8Array.of(tag)), RangeError);
  }
  await clock.finish(log.append(Uint8Array.of(16)));
  await clock.finish(log.close());
});
