/**
 * Proves that the simulator notices it when a safeguard of the coordinator is missing: builds with
 * one taken away each break an invariant within a bounded number of seeds, and it is one of those
 * that the safeguard is for.
 */

import { assert } from "@std/assert";
import { Build } from "./build.ts";
import { COORDINATOR_CANARIES, SIMULATOR } from "./coordinator_canary.ts";

for (const canary of COORDINATOR_CANARIES) {
  Deno.test(`A build is caught that has ${canary.name}`, async () => {
    await using build = await Build.make();
    for (const patch of canary.patches) await build.patch(patch);
    const { passed, words } = await build.run(SIMULATOR);
    assert(!passed, `the simulator did not notice: ${words}`);
    const broken = /INDOUBT_SEED=[0-9]+: (I[0-9]+):/.exec(words)?.[1] ?? "none";
    assert(canary.breaks.includes(broken), `not by what it is for: ${words}`);
    console.log(`caught: ${words}`);
  });
}
