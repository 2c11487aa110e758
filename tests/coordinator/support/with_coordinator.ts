/**
 * A test with an open coordinator, closed afterwards: nothing may be left over then, and nothing
 * that has ended may keep closing waiting.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Site, type SiteCoordinator } from "./site.ts";

/** Rows of a site's databases when nothing was committed. */
export const NOTHING = [[], [], []];

/** Defines a test that gets a site and its coordinator. */
export function coordinatorTest(
  name: string,
  body: (site: Site, coordinator: SiteCoordinator) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const site = new Site();
    const coordinator = await site.open();
    await body(site, coordinator);
    const before = site.clock.elapsed();
    await site.clock.run(coordinator.close());
    assertEquals(site.clock.elapsed(), before, "closing waited for what has ended");
    site.assertQuiet();
    assertEquals([site.processClock.timers, site.disk.openFiles], [0, []]);
  });
}
