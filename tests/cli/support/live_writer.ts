/**
 * A process that writes to a log as fast as it can until it is killed:
 *
 *     deno run -A live_writer.ts DIRECTORY SEGMENT_SIZE
 *
 * It says "writing" when the log is open, and nothing else.
 */

import { LiveState } from "../../../src/wal/decisions/live_state.ts";
import { Log } from "../../../src/wal/log.ts";
import { decision } from "./logs.ts";

const [directory = "", segmentSize = ""] = Deno.args;
const model = new LiveState();
const log = await Log.open({ directory, model, segmentSize: Number(segmentSize) });
console.log("writing");
const base = BigInt(log.epoch) * 1_000_000_000_000n;
for (let txn = base + 1n;; txn++) {
  await log.append(decision(txn));
  // Some stay unfinished, so that every checkpoint has something in it.
  if (txn % 7n !== 0n || model.active.length > 5) log.appendLazily({ type: "end", txn });
}
