/**
 * A process that runs transactions until it is told to stop, or is killed: each bumps a counter and
 * inserts a row in both databases. It says what it hears of each, one line at a time.
 *
 * @module
 */

import { createPool, type PoolConnection } from "mysql2/promise";
import driver from "postgres";
import { Coordinator, HeuristicOutcomeError, OutcomeUnknownError } from "../../../mod.ts";
import { mysql } from "../../../src/participants/mysql/mysql.ts";
import { postgres } from "../../../src/participants/postgresql/postgres.ts";
import { readLines } from "../../../examples/demo/lines.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { OUTCOMES } from "../mariadb_mixed.ts";
import type { MariadbAddress } from "../mariadb_server.ts";

/** What the process shall do. */
export interface Work {
  /** The log directory. */
  readonly directory: string;
  /** Where the two databases are: a URL of PostgreSQL, or a place of MariaDB. */
  readonly orders: string;
  readonly billing: string | MariadbAddress;
  /** What its rows begin with; no other process's do. */
  readonly prefix: string;
  /** Which counters are bumped in which order. */
  readonly seed: number;
  /** How many transactions run at once. */
  readonly callers: number;
  /** Whether a Begin is synced before the first PREPARE. */
  readonly forceBegin: boolean;
}

/** How many counters each database has; with few of them transactions wait for each other. */
export const COUNTERS = 6;

const NAMES = ["orders", "billing"] as const;

/** How long a caller rests after a transaction that did not commit. */
const RETRY_MS = 20;

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function open({ directory, orders, billing, callers, forceBegin }: Work) {
  const connect = (url: string) =>
    driver(url, {
      max: callers + 2,
      backoff: () => 0.05,
      onnotice: () => {},
      connection: { application_name: "torture" },
    });
  return Coordinator.open({
    directory,
    forceBegin,
    participants: {
      orders: postgres(connect(orders)),
      billing: typeof billing === "string"
        ? postgres(connect(billing))
        : mysql(createPool({ ...billing, connectionLimit: callers + 2 }), {
          outcomeTable: OUTCOMES,
        }),
    },
    timeout: 3000,
    prepareTimeout: 1000,
    settleTimeout: 1000,
    checkTimeout: 2000,
    closeTimeout: 10_000,
    sweepInterval: 500,
    onEvent: (event) => {
      if (event.type === "heuristic-outcome") say(`heuristic ${event.gid} ${event.outcome}`);
    },
  });
}

/** Bumps a counter and inserts a row. */
async function write(
  client: driver.ReservedSql | PoolConnection,
  counter: number,
  id: string,
): Promise<void> {
  if ("query" in client) {
    await client.query("UPDATE counter SET value = value + 1 WHERE id = ?", [counter]);
    await client.query("INSERT INTO event VALUES (?)", [id]);
  } else {
    await client`UPDATE counter SET value = value + 1 WHERE id = ${counter}`;
    await client`INSERT INTO event VALUES (${id})`;
  }
}

/** Runs one transaction; gives whether it has committed. */
async function transact(
  coordinator: Awaited<ReturnType<typeof open>>,
  id: string,
  random: SeededRandom,
): Promise<boolean> {
  say(`begun ${id}`);
  // In either order, so that two can wait for each other in two databases, which neither sees.
  const order = random.chance(0.2) ? NAMES.toReversed() : NAMES;
  const counters = { orders: random.below(COUNTERS), billing: random.below(COUNTERS) };
  try {
    await coordinator.transaction(NAMES, async (clients, { id: transaction }) => {
      say(`numbered ${id} ${transaction}`);
      for (const name of order) await write(clients[name], counters[name], id);
    });
    say(`committed ${id}`);
    return true;
  } catch (error) {
    if (error instanceof HeuristicOutcomeError) say(`heuristic ${id} ${error.message}`);
    else if (error instanceof OutcomeUnknownError) say(`unknown ${id}`);
    else say(`aborted ${id} ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

async function main(work: Work): Promise<void> {
  const coordinator = await open(work);
  say("open");
  let stopped = false;
  const call = async (caller: number) => {
    const random = new SeededRandom(work.seed + caller);
    for (let count = 0; !stopped; count++) {
      const committed = await transact(coordinator, `${work.prefix}-${caller}-${count}`, random);
      // A database that is away refuses at once.
      if (!committed) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };
  const calling = Promise.all(Array.from({ length: work.callers }, (_, caller) => call(caller)));
  for await (const line of readLines(Deno.stdin.readable)) if (line === "stop") break;
  stopped = true;
  await calling;
  await coordinator.close();
  say("closed");
  Deno.exit(0);
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
