/**
 * Guarantees that an append is served whenever it comes: also in the few turns in which the writer, which
 * has just answered the last one, finds its queue empty and stops.
 */

import { assertEquals } from "@std/assert";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";

/** More turns than lie between an answer and the writer's stop. */
const MAX_TURNS = 20;

Deno.test("Log.append() is served however many turns after the last answer it comes", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using log = await Log.open({ directory, model: new LiveState(0) });
    for (let turns = 0; turns < MAX_TURNS; turns++) {
      const lsn = await log.append({ type: "end", txn: BigInt(turns + 1) });
      for (let turn = 0; turn < turns; turn++) await null;
      assertEquals(await log.append({ type: "end", txn: BigInt(turns + 1) }), lsn + 1);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
