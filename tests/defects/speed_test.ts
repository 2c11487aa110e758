/**
 * Proves that this log does not wait where pgdog's did: D8 to D10 and D49. Nothing here measures
 * time; syncs and timers are counted, on a clock that stands still.
 */

import { assert, assertEquals } from "@std/assert";
import { MemoryDisk } from "../simulation/memory_disk.ts";
import { activeOn, committing, decided, end, Machine, range, started as open } from "./machine.ts";

/** A log whose segments are so large that none of these tests needs a second one. */
async function started(): Promise<Machine> {
  return await open(new Machine(new MemoryDisk(), { segmentSize: 16_777_216 }));
}

Deno.test("D8 an interval of 0 still slept until the next millisecond: here no timer is set for whoever waits, and none is left of what rides along", async () => {
  const machine = await started();
  const { clock } = machine.platform;
  let set = 0;
  const { after } = clock;
  clock.after = (...given) => {
    set++;
    return after.apply(clock, given as Parameters<typeof after>);
  };
  const before = clock.elapsed();
  for (const txn of range(1, 50)) await machine.append(committing(txn));
  await machine.append(...range(51, 100).map(committing));
  assertEquals([set, clock.timers, clock.elapsed() - before], [0, 0, 0]);
  for (const txn of range(1, 100)) machine.log.appendLazily(end(txn));
  await machine.close();
  assertEquals([clock.timers, clock.elapsed() - before], [0, 0]);
});

Deno.test("D8 callers that come while a sync runs share the next one", async () => {
  const machine = await started();
  const syncs = () => machine.calls("syncData").length;
  const before = syncs();
  const held = machine.disk.hold("syncData");
  const first = machine.log.append(committing(1));
  await machine.pass(0);
  const later = range(2, 200).map((txn) => machine.log.append(committing(txn)));
  await machine.pass(0);
  assertEquals([held.waiting, syncs() - before], [1, 1]);
  held.release();
  await machine.finish(Promise.all([first, ...later]));
  assertEquals(syncs() - before, 2);
});

Deno.test("D9 a lone caller paid the wait for company that never came: here it costs one write, one sync, no timer", async () => {
  const machine = await started();
  for (const txn of range(1, 20)) {
    const before = machine.disk.calls.length;
    await machine.append(committing(txn));
    assertEquals(machine.calls(undefined, before).map(({ kind }) => kind), ["write", "syncData"]);
    assertEquals(machine.platform.clock.timers, 0);
  }
});

Deno.test("D10 End was synced before the client's answer: here it rides along, one sync for each transaction and none for its End", async () => {
  const machine = await started();
  const before = machine.calls("syncData").length;
  for (const txn of range(1, 30)) {
    await machine.append(committing(txn));
    machine.log.appendLazily(end(txn));
  }
  await machine.pass(100);
  assertEquals(machine.calls("syncData").length - before, 30);
  // The last End is only written, the other 29 were synced with the decision after each.
  const found = new Set<string>();
  for (const next of machine.powerCuts()) found.add((await activeOn(next)).join());
  assertEquals(found, new Set(["", decided(30, 30).join()]));
  await machine.close();
  for (const next of machine.powerCuts()) assertEquals(await activeOn(next), []);
});

Deno.test("D49 with an interval it wrote only when its clock ticked: here three records are durable though the clock stands still", async () => {
  const machine = await started();
  const before = machine.platform.clock.elapsed();
  for (const record of [committing(1), committing(2), end(1)]) await machine.append(record);
  assertEquals(machine.platform.clock.elapsed(), before);
  for (const next of machine.powerCuts()) assertEquals(await activeOn(next), decided(2, 2));
  const calls = machine.disk.calls.length;
  await machine.pass(3_600_000);
  assertEquals(machine.disk.calls.length, calls, "an idle log leaves the disk alone");
  assert(machine.log.failure === null);
});
