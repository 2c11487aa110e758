/**
 * Proves the group commit of a log whose disk works: nothing is answered before it is durable, many
 * callers share one sync, a lone one does not wait for company, and everything has a limit.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { LogUnavailableError } from "../../src/wal/errors.ts";
import type { Log } from "../../src/wal/log.ts";
import { SeededRandom } from "../simulation/seeded_random.ts";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import { BytesModel, callsOf, framesOn, openLog, openWith, transactionsOn } from "./open_log.ts";
import { committing } from "./sample_segment.ts";

/** LSN of the first record behind the two that open the first segment. */
const FIRST = 2;

const END = { type: "end", txn: 999n } as const;

function openBytes() {
  return openWith<Uint8Array, BytesModel>(new BytesModel());
}

/** Appends and notes the answer's place among the calls of the disk. */
function noted(log: Log<Uint8Array>, body: number, answers: number[]): Promise<unknown> {
  return log.append(Uint8Array.of(16, body)).then(() => answers.push(body));
}

Deno.test("LogWriter.append resolves only after a sync that began after the write", async () => {
  const { log, disk, clock } = await openBytes();
  const answers: number[] = [];
  const first = disk.calls.length;
  const hold = disk.hold("syncData");
  noted(log, 1, answers);
  await clock.settle();
  assertEquals([callsOf(disk, "write", first), hold.waiting, answers], [1, 1, []]);
  noted(log, 2, answers);
  await clock.settle();
  assertEquals(callsOf(disk, "write", first), 1);
  const next = disk.hold("syncData");
  hold.release();
  await clock.settle();
  assertEquals([callsOf(disk, "write", first), next.waiting, answers], [2, 1, [1]]);
  next.release();
  await clock.settle();
  assertEquals(answers, [1, 2]);
  const kinds = disk.calls.slice(first).map(({ kind }) => kind);
  assertEquals(kinds, ["write", "syncData", "write", "syncData"]);
  await clock.finish(log.close());
});

Deno.test("LogWriter.append shares one write and one sync among concurrent callers", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  const answers = Array.from({ length: 200 }, (_, txn) => log.append(committing(BigInt(txn))));
  const lsns = await clock.finish(Promise.all(answers));
  assertEquals(lsns, Array.from({ length: 200 }, (_, index) => FIRST + index));
  assertEquals(disk.calls.slice(first).map(({ kind }) => kind), ["write", "syncData"]);
  await clock.finish(log.close());
});

Deno.test("LogWriter.append lets those who come during a sync share the next one", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  const hold = disk.hold("syncData");
  const answers = [log.append(committing(0n))];
  await clock.settle();
  for (let txn = 1n; txn <= 100n; txn++) answers.push(log.append(committing(txn)));
  hold.release();
  const lsns = await clock.finish(Promise.all(answers));
  assertEquals(lsns, Array.from({ length: 101 }, (_, index) => FIRST + index));
  assertEquals(callsOf(disk, "syncData", first), 2);
  await clock.finish(log.close());
});

Deno.test("LogWriter.append lets those who are woken together share the next sync", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  const work = async (start: bigint) => {
    for (let txn = start; txn < start + 5n; txn++) await log.append(committing(txn));
  };
  await clock.finish(Promise.all([0n, 100n, 200n, 300n].map(work)));
  assertEquals(callsOf(disk, "syncData", first), 5);
  await clock.finish(log.close());
});

Deno.test("LogWriter.append of a lone caller waits for no timer", async () => {
  const { log, clock } = await openLog();
  const before = clock.elapsed();
  await clock.finish(log.append(committing(1n)));
  assertEquals([clock.elapsed(), clock.timers], [before, 0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter.appendLazily writes soon and adds no sync of its own", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  log.appendLazily(END);
  log.appendLazily(END);
  clock.advance(100);
  await clock.settle();
  assertEquals(disk.calls.slice(first).map(({ kind }) => kind), ["write"]);
  await clock.finish(log.append(committing(1n)));
  const kinds = disk.calls.slice(first).map(({ kind }) => kind);
  assertEquals(kinds, ["write", "write", "syncData"]);
  await clock.finish(log.close());
  assertEquals(callsOf(disk, "syncData", first), 1);
});

Deno.test("LogWriter.append makes the lazy ones before it durable too", async () => {
  const { log, disk, clock } = await openLog();
  log.appendLazily(committing(1n));
  clock.advance(100);
  await clock.settle();
  await clock.finish(log.append(committing(2n)));
  for (let seed = 0; seed < 20; seed++) {
    assertEquals(await transactionsOn(disk.crash(new SeededRandom(seed))), [1n, 2n]);
  }
  await clock.finish(log.close());
});

Deno.test("LogWriter keeps the order of the calls, whoever waits", async () => {
  const { log, clock, platform } = await openBytes();
  const answers = [1, 2, 3, 4, 5, 6].map((body) => {
    const entry = Uint8Array.of(16, body);
    return body % 2 === 0 ? log.append(entry) : log.appendLazily(entry);
  });
  await clock.finish(Promise.all(answers));
  await clock.finish(log.close());
  const { log: again, model } = await openWith<Uint8Array, BytesModel>(new BytesModel(), platform);
  assertEquals(model.entries.map(({ body }) => body[1]), [1, 2, 3, 4, 5, 6]);
  await clock.finish(again.close());
});

Deno.test("LogWriter promises in each frame only what was synced before it", async () => {
  const { log, disk, clock } = await openLog();
  await clock.finish(log.append(committing(1n)));
  log.appendLazily(committing(2n));
  await clock.settle();
  log.appendLazily(committing(3n));
  await clock.settle();
  await clock.finish(Promise.all([log.append(committing(4n)), log.append(committing(5n))]));
  await clock.finish(log.append(committing(6n)));
  const frames = (await framesOn(disk)).slice(FIRST);
  assertEquals(frames.map(({ unsynced }) => unsynced), [0, 0, 1, 2, 3, 0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter.close writes and syncs what is queued", async () => {
  const { log, disk, clock } = await openLog();
  const answer = log.append(committing(1n));
  log.appendLazily(committing(2n));
  await clock.finish(log.close());
  assertEquals(await answer, FIRST);
  assertEquals(disk.openFiles, []);
  assertEquals(await transactionsOn(disk.crash(new SeededRandom(1))), [1n, 2n]);
});

Deno.test("LogWriter.close syncs what was written lazily, and nothing twice", async () => {
  const { log, disk, clock } = await openLog();
  log.appendLazily(committing(1n));
  clock.advance(100);
  await clock.settle();
  const first = disk.calls.length;
  await clock.finish(log.close());
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [0, 1]);
  const again = await openLog(simulatedPlatform(disk));
  const second = disk.calls.length;
  await again.clock.finish(again.log.close());
  assertEquals(callsOf(disk, "syncData", second), 0);
});

Deno.test("LogWriter.close can be called again, and refuses what comes after it", async () => {
  const { log, clock } = await openLog();
  const closing = log.close();
  assert(log.close() === closing);
  for (const written of [await refusal(log), (await clock.finish(closing), await refusal(log))]) {
    assertEquals(written, "no");
  }
  assertThrows(() => log.appendLazily(END), LogUnavailableError, "closed");
  await log.close();
});

async function refusal(log: Log<LogRecord>): Promise<string> {
  return (await assertRejects(() => log.append(END), LogUnavailableError, "closed")).written;
}
