/**
 * Builds of the coordinator with one safeguard taken away each. The simulator must notice every one
 * of them within five thousand seeds.
 */

import type { Canary, Suite } from "./canary.ts";

/** The most seeds that it may take. */
export const MOST_SEEDS = 5_000;

/** The simulator, which ends at the first seed that fails. */
export const SIMULATOR: Suite = {
  name: "simulated coordinators",
  arguments: [
    "run",
    "-A",
    "--no-check",
    "tasks/simulate.ts",
    "--of",
    "coordinator",
    "--seeds",
    String(MOST_SEEDS),
    "--stop",
  ],
};

/** A canary, and the invariants of which one must be broken by it. */
export interface CoordinatorCanary extends Canary {
  readonly breaks: readonly string[];
}

/** The safeguards of the coordinator. */
export const COORDINATOR_CANARIES: readonly CoordinatorCanary[] = [
  {
    name: "a decision that is not synced",
    patches: [{
      file: "src/coordinator/wal_decision_log.ts",
      find: "return this.#log.force(record);",
      replace: "this.#log.appendLazily(record); return Promise.resolve();",
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I7", "I9"],
  },
  {
    name: "a decision that is sent before it is synced",
    patches: [{
      file: "src/coordinator/two_phase.ts",
      find: "return log.decide(core.txn, writers);",
      replace: "log.decide(core.txn, writers).catch(() => {}); return Promise.resolve();",
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I7", "I9"],
  },
  {
    name: "42704 taken as done",
    patches: [{
      file: "src/coordinator/settling.ts",
      find:
        "return commits ? await explainMissing(member, branch) : await explainGone(member, branch);",
      replace: 'return { kind: "done", outcome: commits ? "committed" : "rolled back" };',
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I2"],
  },
  {
    name: "aborts presumed after damage to the log",
    patches: [{
      file: "src/coordinator/ledger.ts",
      find: "epoch <= damage.epoch",
      replace: "epoch < 0 * damage.epoch",
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I2", "I9"],
  },
  {
    name: "a sweep that does not ask which transactions are live",
    patches: [{
      file: "src/coordinator/sweep.ts",
      find: "view.isLive(txn) || view.isDriven(txn, gid)) continue;\n" +
        "    if (view.wasInView(txn, gid)) continue;",
      replace: "view.isDriven(txn, gid)) continue;",
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I2", "I9"],
  },
  {
    name: "an End before every branch has answered",
    patches: [{
      file: "src/coordinator/ledger.ts",
      find: "if (branches.length > 0) this.#unsettled.set(txn, settlement);",
      replace: "this.#unsettled.set(txn, settlement);\n    if (logged) this.#log.end(txn);",
    }],
    suite: SIMULATOR,
    breaks: ["I1", "I2", "I7", "I9", "I10"],
  },
];
