/**
 * Makes logs to be read. In a process of its own, so that its memory is not that of whoever measures.
 *
 *     deno run -A bench/load/log_maker.ts records|finished|checkpointed DIR COUNT
 *
 * - `records`: so many records of 100 bytes, all of which are kept.
 * - `finished`: so many finished transactions, all in one segment without a checkpoint behind its
 *   beginning, as a crash could leave it at the worst.
 * - `checkpointed`: so many finished transactions in a log as a coordinator leaves it: as many at once as it
 *   runs, with the outcomes that it keeps.
 *
 * @module
 */

import { denoFileSystem } from "../../src/platform/deno_file_system.ts";
import { denoPlatform } from "../../src/platform/platform.ts";
import { LiveState } from "../../src/wal/decisions/live_state.ts";
import type { LogRecord } from "../../src/wal/decisions/record.ts";
import { Log } from "../../src/wal/log.ts";
import { decision } from "./decision.ts";
import { KeepingModel } from "./keeping_model.ts";

/** Kinds of logs. */
export const LOG_KINDS = ["records", "finished", "checkpointed"] as const;

/** One of them. */
export type LogKind = typeof LOG_KINDS[number];

/** Bytes of a record of the first kind, the frame's header not counted. */
const RECORD_BYTES = 100;
const SEGMENT_SIZE = 536_870_912;
const AT_ONCE = 8000;
/** As many as a coordinator runs at once and keeps the outcomes of, by default. */
const TRANSACTIONS_AT_ONCE = 1000;
const KEPT_OUTCOMES = 10_000;
const NEVER_MS = 2 ** 31 - 1;
/** The first transaction of a coordinator's first opening. */
const FIRST = 1_000_000_000_001n;

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

/** Calls `make` with the numbers from 0, so many at a time. */
async function inBatches(
  count: number,
  atOnce: number,
  make: (numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < count; first += atOnce) {
    const length = Math.min(atOnce, count - first);
    await make(Array.from({ length }, (_, index) => first + index));
  }
}

async function makeRecords(directory: string, count: number): Promise<void> {
  await using log = await Log.open({ directory, model: new KeepingModel() });
  const entry = new Uint8Array(RECORD_BYTES).fill(16);
  await inBatches(count, AT_ONCE, async (numbers) => {
    await Promise.all(numbers.map(() => log.append(entry)));
  });
}

async function makeTransactions(
  log: Log<LogRecord>,
  count: number,
  atOnce: number,
): Promise<void> {
  await inBatches(count, atOnce, async (numbers) => {
    await Promise.all(numbers.map((number) => log.append(decision(FIRST + BigInt(number)))));
    for (const number of numbers) log.appendLazily({ type: "end", txn: FIRST + BigInt(number) });
  });
}

async function main(kind: string, directory: string, count: number): Promise<void> {
  if (kind === "records") return await makeRecords(directory, count);
  if (kind === "finished") {
    const whole = { platform, segmentSize: SEGMENT_SIZE, checkpointInterval: NEVER_MS };
    await using log = await Log.open({ directory, model: new LiveState(), ...whole });
    return await makeTransactions(log, count, AT_ONCE);
  }
  await using log = await Log.open({ directory, model: new LiveState(KEPT_OUTCOMES) });
  await makeTransactions(log, count, TRANSACTIONS_AT_ONCE);
}

const [kind = "", directory, count] = Deno.args;
if (directory === undefined || !(LOG_KINDS as readonly string[]).includes(kind)) {
  throw new RangeError(
    `Cannot make a log: its kind (${LOG_KINDS.join(", ")}), a directory and a count are needed`,
  );
}
await main(kind, directory, Number(count));
