/**
 * Proves when a record is written: at once for who is alone, after a turn where there may be company, and
 * never so that a lone caller keeps everything else from its turn.
 */

import { assert, assertEquals } from "@std/assert";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import type { Log } from "../../src/wal/log.ts";
import { emptyMicrotasks, type ManualClock } from "../simulation/manual_clock.ts";
import { callsOf, openLog } from "./open_log.ts";
import { committing } from "./sample_segment.ts";

/** After so many batches a caller counts as alone. */
const LONE = 8;

/** After so many batches without a turn there is one. */
const WITHOUT_TURN = 16;

/** Milliseconds for which a record waits for which nobody waits. */
const RIDE_MS = 50;

/** When so many of those wait they are written at once. */
const MANY = 1024;

/** Appends one record after the other until the log takes the caller for alone. */
async function beAlone(log: Log<LogRecord>, clock: ManualClock): Promise<void> {
  for (let txn = 1n; txn <= LONE; txn++) await clock.finish(log.append(committing(txn)));
}

/** Whether an append is answered before the next turn. */
async function isServedAtOnce(log: Log<LogRecord>, txn: bigint): Promise<boolean> {
  let served = false;
  log.append(committing(txn)).then(() => served = true);
  await emptyMicrotasks();
  return served;
}

Deno.test("LogWriter waits a turn for company until a caller was alone for a while", async () => {
  const { log, clock } = await openLog();
  for (let txn = 1n; txn <= LONE; txn++) {
    assertEquals(await isServedAtOnce(log, txn), false);
    await clock.settle();
  }
  assertEquals(await isServedAtOnce(log, 100n), true);
  await clock.finish(log.close());
});

Deno.test("LogWriter gives others a turn however fast a lone caller comes again", async () => {
  const { log, clock } = await openLog();
  await beAlone(log, clock);
  const served: boolean[] = [];
  for (let txn = 100n; txn < 134n; txn++) {
    served.push(await isServedAtOnce(log, txn));
    await clock.settle();
  }
  const round = [...new Array<boolean>(WITHOUT_TURN).fill(true), false];
  assertEquals(served, [...round, ...round]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes together what a lone caller appends without a wait", async () => {
  const { log, disk, clock } = await openLog();
  await beAlone(log, clock);
  const first = disk.calls.length;
  const answers = [100n, 101n, 102n].map((txn) => log.append(committing(txn)));
  await emptyMicrotasks();
  assertEquals(disk.calls.slice(first).map(({ kind }) => kind), ["write", "syncData"]);
  await Promise.all(answers);
  await clock.finish(log.close());
});

Deno.test("LogWriter waits for company again as soon as there was some", async () => {
  const { log, disk, clock } = await openLog();
  await beAlone(log, clock);
  const both = Promise.all([log.append(committing(100n)), log.append(committing(101n))]);
  await clock.finish(both);
  const first = disk.calls.length;
  const early = log.append(committing(102n));
  await emptyMicrotasks();
  assertEquals(callsOf(disk, "write", first), 0);
  const late = log.append(committing(103n));
  await clock.finish(Promise.all([early, late]));
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [1, 1]);
  await clock.finish(log.close());
});

Deno.test("LogWriter takes along what rides along before a lone caller's record", async () => {
  const { log, disk, clock } = await openLog();
  await beAlone(log, clock);
  const first = disk.calls.length;
  log.appendLazily({ type: "end", txn: 1n });
  await emptyMicrotasks();
  assertEquals(callsOf(disk, "write", first), 0);
  assert(await isServedAtOnce(log, 100n));
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [1, 1]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes alone, some time later, what rides along with nothing", async () => {
  const { log, disk, clock } = await openLog();
  await beAlone(log, clock);
  const first = disk.calls.length;
  log.appendLazily({ type: "end", txn: 1n });
  assert(await isServedAtOnce(log, 100n));
  // The timer was set for the one before, and must not count for what follows.
  clock.advance(RIDE_MS - 1);
  log.appendLazily({ type: "end", txn: 2n });
  await clock.settle();
  for (const [milliseconds, writes] of [[1, 1], [RIDE_MS - 1, 1], [1, 2]] as const) {
    clock.advance(milliseconds);
    await clock.settle();
    assertEquals(callsOf(disk, "write", first), writes);
  }
  assertEquals(callsOf(disk, "syncData", first), 1);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes in the next turn what rides along before anybody has waited", async () => {
  const { log, disk, clock } = await openLog();
  const first = disk.calls.length;
  log.appendLazily({ type: "end", txn: 1n });
  await clock.settle();
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [1, 0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter writes at once what rides along if it is much", async () => {
  const { log, disk, clock } = await openLog();
  // Before anybody has waited it would wait for a turn, not for a timer.
  await beAlone(log, clock);
  const first = disk.calls.length;
  for (let count = 1; count <= MANY; count++) {
    assertEquals(callsOf(disk, "write", first), 0);
    log.appendLazily({ type: "end", txn: BigInt(count) });
    await emptyMicrotasks();
  }
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [1, 0]);
  await clock.finish(log.close());
});

Deno.test("LogWriter.close writes at once what rides along, and leaves no timer", async () => {
  const { log, disk, clock } = await openLog();
  // Before anybody has waited it would wait for a turn, not for a timer.
  await beAlone(log, clock);
  const first = disk.calls.length;
  log.appendLazily({ type: "end", txn: 1n });
  assertEquals(clock.timers, 1);
  await clock.finish(log.close());
  assertEquals([callsOf(disk, "write", first), callsOf(disk, "syncData", first)], [1, 1]);
  assertEquals([clock.timers, clock.elapsed()], [0, 0]);
});
