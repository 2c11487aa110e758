/**
 * Guarantees that a participant all of whose sessions are taken for longer than a check may wait is not called
 * unavailable as long as it answers those who have them; and that one that answers nobody is.
 */

import { assertEquals } from "@std/assert";
import { hangs } from "./support/faults.ts";
import { Site } from "./support/site.ts";

const EVENTS = ["participant-unavailable", "participant-ready"];

for (const command of ["check", "listPrepared"] as const) {
  Deno.test(`Coordinator goes on with a participant that is too busy for its ${command}`, async () => {
    const site = new Site();
    const coordinator = await site.open({ sweepInterval: 60_000, checkTimeout: 10_000 });
    await site.clock.pass(30_000);
    const before = site.events.length;
    site.north.script.always(command, hangs);
    let committed = 0;
    for (let second = 0; second < 300; second++) {
      await site.commit(coordinator, "north", "south");
      committed++;
      await site.clock.pass(1000);
    }
    assertEquals(committed, 300);
    const told = site.events.slice(before).filter(({ type }) => EVENTS.includes(type));
    assertEquals(told, []);
    site.north.script.always(command, null);
    await site.clock.run(coordinator.close());
    site.assertQuiet();
  });

  Deno.test(`Coordinator tells of a participant that answers neither its ${command} nor anybody else`, async () => {
    const site = new Site();
    const coordinator = await site.open({ sweepInterval: 60_000, checkTimeout: 10_000 });
    await site.clock.pass(30_000);
    site.north.script.always(command, hangs);
    site.north.script.always("begin", hangs);
    const waiting = Promise.allSettled([coordinator.transaction(["north"], () => {})]);
    await site.clock.pass(80_000);
    assertEquals(site.events.at(-1)?.type, "participant-unavailable");
    site.north.script.always("begin", null);
    site.north.script.always(command, null);
    await site.clock.run(waiting);
    await site.clock.run(coordinator.close());
  });
}
