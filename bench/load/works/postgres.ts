/**
 * A commit on two real PostgreSQL servers: this library against the bare statements sent by hand in the best
 * order and against its own statements sent by hand, without and with a synced write, and several
 * coordinators, each in its own process with its own log, over the same two servers.
 *
 * @module
 */

import { PostgresCluster } from "../../../tests/servers/cluster.ts";
import { createDatabases } from "../../../tests/servers/databases.ts";
import { compare, type OnProgress } from "../comparison.ts";
import { ContenderProcess } from "../contender_process.ts";
import type { LoadOptions } from "../options.ts";
import { type Result, summarize } from "../result.ts";
import type { Round } from "../round.ts";
import { median, spread } from "../statistics.ts";

const NAMES = ["orders", "billing"] as const;
const BARE = "postgres by hand";
const SAME = "postgres same by hand";
const SYNCED = "postgres same by hand, synced";
const COORDINATORS = [1, 2, 4];

/** A caller of databases does so little in a second that V8 compiles its code for tens of them. */
const WARM_UP_SECONDS = 20;

/** Callers of all coordinators together. */
const SHARED_CALLERS = 64;
const SETTINGS = {
  max_connections: "400",
  max_prepared_transactions: "400",
  shared_buffers: "256MB",
  max_wal_size: "4GB",
};

/** What of the options counts here. */
export type PostgresOptions = Pick<LoadOptions, "seconds" | "rounds"> & {
  readonly concurrency: readonly number[];
};

/** Measures it. */
export async function measurePostgres(
  options: PostgresOptions,
  onProgress: OnProgress,
): Promise<Result[]> {
  onProgress("postgres: two servers are being made");
  await using stack = new AsyncDisposableStack();
  const urls: string[] = [];
  for (const name of NAMES) {
    const cluster = stack.use(await PostgresCluster.start({ settings: SETTINGS }));
    await createDatabases(cluster, name);
    urls.push(cluster.url(name));
  }
  const compared = await compare(
    {
      ...options,
      work: "postgres",
      contenders: ["postgres", BARE, SAME, SYNCED],
      urls,
      warmUpSeconds: WARM_UP_SECONDS,
    },
    onProgress,
  );
  const results = withOverhead(compared);
  for (const coordinators of COORDINATORS) {
    results.push(await measureTogether(coordinators, urls, options, onProgress));
  }
  // The servers are ours as well, so nobody can say what was foreign.
  return results.map(({ foreign_cpu: _, ...result }) => result);
}

/**
 * Adds what the library costs above the bare statements by hand, and above its own by hand: in all, and
 * without its one synced write; and above its own by hand with such a write.
 */
export function withOverhead(results: readonly Result[]): Result[] {
  return results.map((result) => {
    if (result.contender !== "postgres") return result;
    const time = timeOf(result);
    const extra: Record<string, number> = { ...result.extra };
    for (const [name, contender] of [["bare", BARE], ["same", SAME], ["synced", SYNCED]] as const) {
      const hand = results.find((one) =>
        one.contender === contender && one.concurrency === result.concurrency
      );
      if (hand === undefined) continue;
      extra[`over ${name} %`] = (time / timeOf(hand) - 1) * 100;
      if (contender === SYNCED) continue;
      extra[`over ${name}, without force %`] =
        ((time - (result.force_us ?? 0)) / timeOf(hand) - 1) * 100;
    }
    return { ...result, extra };
  });
}

/** Microseconds that a caller waits for an operation. */
function timeOf({ concurrency, per_s }: Result): number {
  return concurrency * 1e6 / per_s;
}

/** Several coordinators at once. */
async function measureTogether(
  coordinators: number,
  urls: readonly string[],
  { seconds, rounds }: PostgresOptions,
  onProgress: OnProgress,
): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const concurrency = SHARED_CALLERS / coordinators;
  const processes: ContenderProcess[] = [];
  for (let count = 0; count < coordinators; count++) {
    const task = { name: "postgres", concurrency, bytes: 0, urls };
    processes.push(stack.use(await ContenderProcess.start(task)));
  }
  const all = (length: number) => Promise.all(processes.map((process) => process.round(length)));
  await all(WARM_UP_SECONDS);
  const measured: Round[][] = [];
  for (let round = 0; round < rounds; round++) {
    onProgress(`postgres, ${coordinators} coordinators: round ${round + 1} of ${rounds}`);
    measured.push(await all(seconds));
  }
  const rates = measured.map((some) =>
    some.reduce((sum, { operations, seconds }) => sum + operations / seconds, 0)
  );
  const contender = `${coordinators} coordinator${coordinators === 1 ? "" : "s"}`;
  const summary = summarize("postgres", contender, SHARED_CALLERS, measured.flat());
  return { ...summary, per_s: median(rates), spread: spread(rates), rounds };
}
