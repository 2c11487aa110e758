/**
 * Proves that a disk which lies can take records from a log, but never make it say anything wrong,
 * nor lose silently more than its end: each call of the fixed workload that can lie does so in its
 * turn, once and like all later ones. What exactly holds is written at the top of
 * `betrayed_model.ts`, which checks every opening.
 */

import { assert } from "@std/assert";
import type { CallKind, FaultEffect } from "./disk_calls.ts";
import { assertSurvives, countCalls, type Opening } from "./fault_trial.ts";
import { RefusalError } from "./log_driver.ts";
import { seededTest } from "./seeds.ts";

/** Calls that can lie, and whether a reader must notice some of it: there must be a trace. */
const LIES: readonly {
  readonly kind: CallKind;
  readonly effect: FaultEffect;
  readonly seeds: number;
  readonly noticed: boolean;
}[] = [
  { kind: "syncData", effect: "lost", seeds: 3, noticed: true },
  { kind: "syncDirectory", effect: "lost", seeds: 3, noticed: true },
  // A directory whose name never reached the disk says nothing.
  { kind: "syncAncestors", effect: "lost", seeds: 8, noticed: false },
  { kind: "write", effect: "lost", seeds: 3, noticed: true },
  { kind: "write", effect: "misplaced", seeds: 3, noticed: true },
  { kind: "read", effect: "lost", seeds: 8, noticed: true },
  // What is read as it was earlier is a log that ends there.
  { kind: "read", effect: "misplaced", seeds: 8, noticed: false },
  { kind: "rename", effect: "lost", seeds: 3, noticed: true },
  // What should be gone is there: that costs space.
  { kind: "remove", effect: "lost", seeds: 3, noticed: false },
  // The identity is not looked for in a list, and it names the newest segment.
  { kind: "list", effect: "lost", seeds: 8, noticed: false },
  { kind: "size", effect: "lost", seeds: 8, noticed: false },
  { kind: "identify", effect: "lost", seeds: 1, noticed: true },
];

/** Whether an opening said that something is wrong. */
function isNoticed(opening: Opening): boolean {
  return opening instanceof RefusalError || opening.damages.length > 0;
}

for (const { kind, effect, seeds, noticed } of LIES) {
  seededTest(`Log stays honest where ${kind} lies: ${effect}`, seeds, async (random) => {
    const calls = (await countCalls()).filter((call) => call.kind === kind);
    const openings: Opening[] = [];
    for (const [skip, { number, path }] of calls.entries()) {
      for (const times of [1, Infinity]) {
        try {
          openings.push(...await assertSurvives({ kind, effect, skip, times }, random));
        } catch (error) {
          throw new Error(`lies from call ${number}, of ${path}: ${error}`, { cause: error });
        }
      }
    }
    assert(calls.length > 0 && openings.some((opening) => !isNoticed(opening)));
    if (noticed) assert(openings.some(isNoticed), "no lie was ever noticed");
  });
}
