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
import type { PostgresCluster } from "../cluster.ts";
import { connectAdmin, createDatabases, until } from "../databases.ts";
import { ProxiedDatabases } from "../proxied_databases.ts";
import type { Name } from "../two_databases.ts";
import { Account } from "./account.ts";
import { drawFault } from "./faults.ts";
import { COUNTERS } from "./worker.ts";
import { Worker } from "./workers.ts";

/** How to run it. */
export interface TortureOptions {
  /** The servers; two databases are made there. */
  readonly clusters: Readonly<Record<Name, PostgresCluster>>;
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
  const { clusters, seed, duration, say } = options;
  const random = new SeededRandom(seed);
  const account = new Account();
  for (const name of ["orders", "billing"] as const) await makeTables(clusters[name], name);
  await using proxied = await ProxiedDatabases.connect(clusters);
  const begun = performance.now();
  for (let round = 0; round === 0 || performance.now() - begun < duration; round++) {
    await strike(proxied, { clusters, account, random, round, say });
    await count(proxied, account);
    say(`round ${round}: ${JSON.stringify(account.summary)}`);
  }
  return account;
}

interface Round {
  readonly clusters: Readonly<Record<Name, PostgresCluster>>;
  readonly account: Account;
  readonly random: SeededRandom;
  readonly round: number;
  readonly say: (line: string) => void;
}

/** Transactions and faults; in the end nothing is under way. */
async function strike(
  proxied: ProxiedDatabases,
  { clusters, account, ...rest }: Round,
): Promise<void> {
  const { random, round, say } = rest;
  const { proxies, both: { directory } } = proxied;
  const urls = { orders: proxied.url("orders"), billing: proxied.url("billing") };
  let number = 0;
  const start = () => {
    const prefix = `${round}-${number++}`;
    const seed = random.below(2 ** 31);
    const drawn = { callers: random.pick(CALLERS), forceBegin: random.chance(0.3) };
    return new Worker({ directory, ...urls, prefix, seed, ...drawn }, account);
  };
  let worker = start();
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
      await strike({ clusters, proxies, restartWorker, pauseWorker });
      await assertSound(directory);
    }
    proxied.pass();
    await worker.stop();
  } finally {
    await worker[Symbol.asyncDispose]();
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
async function count({ both }: ProxiedDatabases, account: Account): Promise<void> {
  await assertSound(both.directory);
  await using opened = await both.open({ sweepInterval: 100 });
  const { coordinator, events } = opened;
  await until("everything is settled", () => coordinator.unsettled === 0, PATIENCE_MS);
  await until("nothing is prepared", async () => (await both.branches()).length === 0, PATIENCE_MS);
  assertEquals(events.filter(({ type }) => type === "heuristic-outcome"), []);
  const rows = await account.check(both.clients);
  account.checkStatus(coordinator, rows);
}

async function makeTables(cluster: PostgresCluster, name: Name): Promise<void> {
  await createDatabases(cluster, name);
  await using admin = connectAdmin(cluster, name);
  await admin.unsafe(`
    CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL);
    INSERT INTO counter SELECT id, 0 FROM generate_series(0, ${COUNTERS - 1}) AS id;
    CREATE TABLE event (id text PRIMARY KEY);
  `);
}
