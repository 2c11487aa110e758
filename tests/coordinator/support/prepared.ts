/**
 * A workbench on which one transaction, number 5, is prepared in every database and waits to be
 * settled.
 *
 * @module
 */

import type { Settlement, UnsettledBranch, Verdict } from "../../../src/coordinator/settlement.ts";
import { Workbench, type WorkbenchOptions } from "./workbench.ts";

/** A transaction that waits to be settled. */
export interface Prepared {
  readonly bench: Workbench;
  readonly branches: readonly UnsettledBranch[];
  readonly settlement: Settlement;
  /** Gives every branch to the resolver. */
  take(): Promise<void>[];
}

/** Prepares it. */
export async function prepare(verdict: Verdict, setup?: WorkbenchOptions): Promise<Prepared> {
  const bench = await Workbench.open(setup);
  const branches = [...bench.databases.values()].map((database, place): UnsettledBranch => {
    const gid = `indoubt_fake_5_${place}`;
    database.prepareByHand(gid, "row");
    return { participant: database.name, gid, token: "701" };
  });
  const settlement = bench.ledger.settle({ txn: 5n, verdict, branches, logged: true });
  const take = () => branches.map((branch) => bench.resolver.take(settlement, branch));
  return { bench, branches, settlement, take };
}

/** How the first branch ended that did not end as decided. */
export function heuristicOf({ heuristics }: Settlement): string | undefined {
  return heuristics[0]?.outcome;
}
