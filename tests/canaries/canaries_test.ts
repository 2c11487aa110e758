/**
 * Proves that the tests of the log notice it when a safeguard is missing: builds with one taken
 * away each are caught, and the build with all of them passes the same tests.
 */

import { assert } from "@std/assert";
import { Build } from "./build.ts";
import { CANARIES, type Canary, CORE_CANARIES, type Suite, TYPESCRIPT_CORE } from "./canary.ts";

/** Runs a canary; says by what it was caught. */
function assertCaught(canary: Canary, core: typeof TYPESCRIPT_CORE | null): void {
  Deno.test(`A build is caught that has ${canary.name}`, async () => {
    await using build = await Build.make();
    if (core !== null) await build.replace(core);
    for (const patch of canary.patches) await build.patch(patch);
    const { passed, words } = await build.run(canary.suite);
    assert(!passed, `${canary.suite.name} did not notice: ${words}`);
    console.log(`caught by ${canary.suite.name}: ${words}`);
  });
}

/** The tests must fail for the missing safeguard and for nothing else. */
function assertPasses(
  what: string,
  canaries: readonly Canary[],
  core: typeof TYPESCRIPT_CORE | null,
): void {
  Deno.test(`The build with every safeguard passes, ${what}`, async (t) => {
    await using build = await Build.make();
    if (core !== null) await build.replace(core);
    for (const suite of suitesOf(canaries)) {
      await t.step(suite.name, async () => {
        const { passed, words } = await build.run(suite);
        assert(passed, words);
      });
    }
  });
}

function suitesOf(canaries: readonly Canary[]): Suite[] {
  return [...new Set(canaries.map(({ suite }) => suite))];
}

assertPasses("with the WebAssembly core", CANARIES, null);
assertPasses("with the TypeScript core", CORE_CANARIES, TYPESCRIPT_CORE);
for (const canary of CANARIES) assertCaught(canary, null);
for (const canary of CORE_CANARIES) assertCaught(canary, TYPESCRIPT_CORE);
