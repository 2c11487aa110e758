/**
 * Makes logs to be read. In a process of its own, so that its memory is not that of whoever measures.
 *
 *     deno run -A bench/load/log_maker.ts records|finished|checkpointed DIR COUNT
 *
 * - `records`: so many records of 100 bytes, all of which are kept.
 * - `finished`: so many finished transactions, all in one segment without a checkpoint behind its
 *   beginning, as a crash could leave it at the worst.
 * - `checkpointed`: so many finished transactions in a log as it is.
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

/** Calls `make` with the numbers from 0, some thousand at a time. */
async function inBatches(
  count: number,
  make: (numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < count; first += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - first);
    await make(Array.from({ length }, (_, index) => first + index));
  }
}

async function makeRecords(directory: string, count: number): Promise<void> {
  await using log = await Log.open({ directory, model: new KeepingModel() });
  const entry = new Uint8Array(RECORD_BYTES).fill(16);
  await inBatches(count, async (numbers) => {
    await Promise.all(numbers.map(() => log.append(entry)));
  });
}

async function makeTransactions(log: Log<LogRecord>, count: number): Promise<void> {
  await inBatches(count, async (numbers) => {
    await Promise.all(numbers.map((number) => log.append(decision(BigInt(number)))));
    for (const number of numbers) log.appendLazily({ type: "end", txn: BigInt(number) });
  });
}

async function main(kind: string, directory: string, count: number): Promise<void> {
  if (kind === "records") return await makeRecords(directory, count);
  const model = new LiveState();
  const whole = { platform, segmentSize: SEGMENT_SIZE, checkpointInterval: NEVER_MS };
  await using log = await Log.open({ directory, model, ...(kind === "finished" ? whole : {}) });
  await makeTransactions(log, count);
}

const [kind = "", directory, count] = Deno.args;
if (directory === undefined || !(LOG_KINDS as readonly string[]).includes(kind)) {
  throw new RangeError(
    `Cannot make a log: its kind (${LOG_KINDS.join(", ")}), a directory and a count are needed`,
  );
}
await main(kind, directory, Number(count));
