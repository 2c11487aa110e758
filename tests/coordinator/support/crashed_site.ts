/**
 * A site as a crash has left it: one transaction over north and south stands at a point of the
 * protocol, and the process that ran it is gone.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ProtocolPoint } from "../../../src/coordinator/protocol_point.ts";
import { hangs, hangsBefore } from "./faults.ts";
import { type OpenOptions, Site, write } from "./site.ts";

/** Id of the transaction. */
export const ID = "1000000000001";
/** Rows of the site's databases when it was committed. */
export const COMMITTED = [[ID], [ID], []];

/** Leaves a transaction as a crash at a point does. */
export async function crashAt(point: ProtocolPoint, options: OpenOptions = {}): Promise<Site> {
  const site = new Site();
  if (point === "first-prepared") site.south.script.next("prepare", hangsBefore);
  if (point === "first-committed") site.south.script.next("commitPrepared", hangs);
  const coordinator = await site.open({
    ...options,
    onProtocolPoint: (passed) => {
      if (passed === point) site.crash();
    },
  });
  void write(coordinator, ["north", "south"]);
  await site.clock.settle();
  assertEquals(site.points.at(-1), point);
  site.trace.clear();
  return site;
}
