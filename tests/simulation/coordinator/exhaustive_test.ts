/**
 * Proves that one transaction over two databases keeps every promise in every way in which it can
 * go: each answer of each database, crossed with the end of the process at each step. The runs are
 * enumerated, and their number is printed.
 */

import { assert } from "@std/assert";
import { walkThrough } from "./exhaustive.ts";
import type { ServerKind } from "./swarm.ts";

/** Six answers to PREPARE and five to what follows, at two databases, without any crash. */
const LEAST_RUNS = 6 * 6 + 5 * 5;

const KINDS: readonly (readonly [ServerKind, ServerKind])[] = [
  ["postgresql", "postgresql"],
  ["postgresql", "mariadb"],
];

for (const kinds of KINDS) {
  Deno.test(`A transaction over ${kinds.join(" and ")} keeps every promise in every way`, async () => {
    const { deaths, runs } = await walkThrough(kinds, false);
    console.log(`${runs} runs were walked through; the process died in ${deaths} of them`);
    assert(deaths > runs / 2 && runs - deaths > LEAST_RUNS);
  });
}
