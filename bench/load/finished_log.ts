/**
 * Makes a log of finished transactions, all in one segment without a checkpoint behind its
 * beginning, as a crash could leave it at the worst. In a process of its own, so that its memory is
 * not that of whoever measures.
 *
 *     deno run -A bench/load/finished_log.ts DIR TRANSACTIONS
 *
 * @module
 */

import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import { Log } from "../../src/wal/log.ts";
import { decision } from "./decision.ts";

const SEGMENT_SIZE = 536_870_912;
const AT_ONCE = 8000;
const NEVER_MS = 2 ** 31 - 1;

/** A disk on which no file can be made ahead, since the log would begin a new segment in it. */
const platform = {
  ...denoPlatform,
  fileSystem: {
    ...denoFileSystem,
    open: (path: string, mode: "read" | "create-new" | "lock") =>
      path.includes("/next-")
        ? Promise.reject(new Error("Cannot make a file ahead: it is not wanted here"))
        : denoFileSystem.open(path, mode),
  },
};

async function main(directory: string, transactions: number): Promise<void> {
  await using log = await Log.open({
    directory,
    platform,
    model: new LiveState(),
    segmentSize: SEGMENT_SIZE,
    checkpointInterval: NEVER_MS,
  });
  for (let first = 0; first < transactions; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, transactions - first);
    const numbers = Array.from({ length: count }, (_, index) => BigInt(first + index));
    await Promise.all(numbers.map((txn) => log.append(decision(txn))));
    for (const txn of numbers) log.appendLazily({ type: "end", txn });
  }
}

const [directory, transactions] = Deno.args;
if (directory === undefined || transactions === undefined) {
  throw new RangeError("Cannot make a log without a directory and a number of transactions");
}
await main(directory, Number(transactions));
