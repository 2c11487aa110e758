/**
 * Proves that a log goes on, and can be opened again, however much there is to restate: more than one record holds.
 */

import { assertEquals } from "@std/assert";
import { simulatedPlatform } from "../simulation/simulated_platform.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { openLog, segmentsOn, stateOn } from "./open_log.ts";

/** A decision of 600,000 bytes. */
function long(txn: bigint): LogRecord {
  const participant = `${txn}`.padEnd(600_000, "p");
  return { type: "committing", txn, branches: [{ participant, gid: "g", token: null }] };
}

Deno.test("A log goes on and can be opened with more live than one record can hold", async () => {
  const { log, disk, clock, model } = await openLog(simulatedPlatform());
  const [first] = segmentsOn(disk);
  for (let txn = 1n; txn <= 70n; txn++) await clock.finish(log.append(long(txn)));
  assertEquals([log.failure, segmentsOn(disk).includes(first ?? -1)], [null, false]);
  await clock.finish(log.close());
  const state = await stateOn(disk);
  assertEquals(state.active, model.active);
});
