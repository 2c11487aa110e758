/**
 * The fixed workload of the crash and fault tests: three openings of a log with registrations,
 * transactions alone and together, Ends that ride along, and segments that change again and again.
 * It does the same calls in every run, as long as no call fails; where one does, it goes on as a
 * coordinator would: close, open again, continue.
 */

import { LogCorruptedError, LogLockedError, LogVersionError } from "../../src/wal/errors.ts";
import type { BranchRecord, LogRecord } from "../../src/wal/decisions/record.ts";
import type { LogDriver } from "./log_driver.ts";

/** How often a process tries to open a log that it cannot open. */
const OPENING_ATTEMPTS = 2;

/** Milliseconds between two steps: long enough for a log to try a failed disk again. */
const BETWEEN_STEPS = 150;

/** Milliseconds after which what rides along is written, though nothing came to ride along with. */
export const RIDE = 100;

/** Runs the workload. The log is open at the end, unless it could not be opened. */
export async function runWorkload(driver: LogDriver): Promise<void> {
  if (!await reopen(driver)) return;
  await all(driver, [participant("orders"), participant("billing")]);
  await transactions(driver, 1n, 3);
  await transactions(driver, 11n, 1);
  await transactions(driver, 21n, 4);
  if (!await reopen(driver)) return;
  await all(driver, [participant("shipping"), begin(31n), committing(32n), begin(33n)]);
  await transactions(driver, 41n, 3);
  driver.appendLazily({ type: "end", txn: 33n });
  if (!await reopen(driver)) return;
  await transactions(driver, 51n, 3);
  await all(driver, [committing(31n)]);
  driver.appendLazily({ type: "end", txn: 32n });
  driver.appendLazily({ type: "end", txn: 31n });
  await driver.pass(RIDE);
}

/** Closes and opens; answers whether it could. */
async function reopen(driver: LogDriver): Promise<boolean> {
  await driver.close().catch(assertDiskFault);
  for (let attempt = 0; attempt < OPENING_ATTEMPTS; attempt++) {
    try {
      await driver.open();
      return true;
    } catch (error) {
      assertDiskFault(error);
    }
  }
  return false;
}

/** A failing disk makes errors, but no damage and no lock that stays. */
function assertDiskFault(error: unknown): void {
  for (const wrong of [LogCorruptedError, LogVersionError, LogLockedError]) {
    if (error instanceof wrong) throw error;
  }
  if (!(error instanceof Error) || error.name === "AssertionError") throw error;
}

/** Some transactions at once; every second one begins on record, and every third stays open. */
async function transactions(driver: LogDriver, first: bigint, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => first + BigInt(index));
  await all(driver, numbers.filter((txn) => txn % 2n === 0n).map(begin));
  await all(driver, numbers.map(committing));
  for (const txn of numbers) {
    if (txn % 3n !== 0n) driver.appendLazily({ type: "end", txn });
  }
}

/** Appends records at once and waits until all are answered. */
async function all(driver: LogDriver, records: readonly LogRecord[]): Promise<void> {
  const answers = Promise.all(records.map((record) => driver.append(record)));
  await driver.platform.clock.finish(answers);
  await driver.pass(BETWEEN_STEPS);
}

function participant(name: string): LogRecord {
  return { type: "participant", name, kind: "simulated", identity: `database of ${name}` };
}

function begin(txn: bigint): LogRecord {
  return { type: "begin", txn, branches: branches(txn, false) };
}

function committing(txn: bigint): LogRecord {
  return { type: "committing", txn, branches: branches(txn, true) };
}

function branches(txn: bigint, prepared: boolean): BranchRecord[] {
  return ["orders", "billing"].map((name, index) => ({
    participant: name,
    gid: `indoubt_simulated_${txn}_${index}`,
    token: prepared ? String(700n + txn) : null,
  }));
}
