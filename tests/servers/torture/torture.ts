/**
 * The workload that Vitess tests its own two-phase commit with: each transaction bumps a counter and
 * inserts a row in every database, many at once, while everything fails again and again. Now and
 * then the faults stop, and the counts must agree: the counters with the rows, one database with the
 * other, and both with what the callers have heard. The log is verified behind each fault, while the
 * coordinator writes to it.
 *
 * The faults are drawn from the seed; when they strike is up to the machine.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { denoPlatform } from "../../../src/platform/platform.ts";
import { verifyLog } from "../../../src/wal/verify.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { until } from "../databases.ts";
import { Account } from "./account.ts";
import type { TortureDatabases } from "./databases.ts";
import { drawFault } from "./faults.ts";
import { Worker } from "./workers.ts";

/** How to run it. */
export interface TortureOptions {
  /** The databases, of whichever kind. */
  readonly databases: TortureDatabases;
  /** Where the faults come from. */
  readonly seed: number;
  /** Milliseconds after which no further round is begun. */
  readonly duration: number;
  /** Is told what happens. */
  readonly say: (line: string) => void;
}

/** Faults before everything is counted. */
const FAULTS_IN_ROUND = 10;
/** Transactions that commit between two faults. */
const COMMITTED_BETWEEN = 25;
/** Transactions that run at once. */
const CALLERS = [2, 8, 24];
const PATIENCE_MS = 60_000;

/** Runs it; gives what callers have heard. */
export async function torture(options: TortureOptions): Promise<Account> {
  const { databases, seed, duration, say } = options;
  const random = new SeededRandom(seed);
  const account = new Account();
  const begun = performance.now();
  for (let round = 0; round === 0 || performance.now() - begun < duration; round++) {
    await strike(databases, { account, random, round, say });
    await count(databases, account);
    say(`round ${round}: ${JSON.stringify(account.summary)}`);
  }
  return account;
}

interface Round {
  readonly account: Account;
  readonly random: SeededRandom;
  readonly round: number;
  readonly say: (line: string) => void;
}

/** Transactions and faults; in the end nothing is under way. */
async function strike(
  { directory, servers, proxies, addresses }: TortureDatabases,
  { account, random, round, say }: Round,
): Promise<void> {
  let number = 0;
  const start = () => {
    const prefix = `${round}-${number++}`;
    const seed = random.below(2 ** 31);
    const drawn = { callers: random.pick(CALLERS), forceBegin: random.chance(0.3) };
    return new Worker({ directory, ...addresses, prefix, seed, ...drawn }, account);
  };
  let worker = start();
  const delays = new Set<Promise<void>>();
  try {
    const restartWorker = async () => {
      await worker[Symbol.asyncDispose]();
      worker = start();
    };
    for (let fault = 0; fault < FAULTS_IN_ROUND; fault++) {
      const aim = account.committed + COMMITTED_BETWEEN;
      await until("transactions commit", () => account.committed >= aim, PATIENCE_MS)
        .catch(async (cause) => {
          throw new Error(`No transaction commits any more: ${await worker.state()}`, { cause });
        });
      const { name, strike } = drawFault(random);
      say(`round ${round}, fault ${fault}: ${name}`);
      const pauseWorker = (milliseconds: number) => worker.pause(milliseconds);
      await strike({ servers, proxies, restartWorker, pauseWorker, delays });
      await assertSound(directory);
    }
    for (const proxy of Object.values(proxies)) proxy.rule = () => "pass";
    await worker.stop();
  } finally {
    await worker[Symbol.asyncDispose]();
    await Promise.all(delays);
  }
}

/** The log is sound, also for who looks while it is written to, or was when its process was killed. */
async function assertSound(directory: string): Promise<void> {
  const { verdict, reason, found, harmless } = await verifyLog(denoPlatform, directory);
  assertEquals({ verdict, reason, found, harmless }, {
    verdict: "sound",
    reason: "",
    found: [],
    harmless: [],
  });
}

/** Everything is settled, and everything agrees. */
async function count(databases: TortureDatabases, account: Account): Promise<void> {
  await assertSound(databases.directory);
  await using opened = await databases.open();
  const { coordinator, events } = opened;
  await until("everything is settled", () => coordinator.unsettled === 0, PATIENCE_MS);
  await until(
    "nothing is prepared",
    async () => (await databases.prepared()).length === 0,
    PATIENCE_MS,
  );
  assertEquals(events.filter(({ type }) => type === "heuristic-outcome"), []);
  const [orders, billing] = await Promise.all([
    databases.contents("orders"),
    databases.contents("billing"),
  ]);
  const rows = account.check(orders, billing);
  account.checkStatus(coordinator, rows);
}
