/** Proves that a manual clock moves only when told, and runs callbacks in a fixed order. */

import { assertEquals, assertRejects } from "@std/assert";
import { ManualClock } from "./manual_clock.ts";

Deno.test("ManualClock stands still until it is moved", () => {
  const clock = new ManualClock(1000);
  clock.advance(5);
  assertEquals([clock.now(), clock.elapsed()], [1005, 5]);
  clock.jump(-600);
  assertEquals([clock.now(), clock.elapsed()], [405, 5]);
});

Deno.test("ManualClock.advance runs timers by time, then by age, each at its own time", () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name}@${clock.elapsed()}`);
  clock.after(20, note("late"));
  clock.after(10, note("first"));
  clock.after(10, note("second"));
  clock.after(10, note("cancelled")).cancel();
  clock.after(5, () => clock.after(5, note("nested")));
  clock.advance(15);
  assertEquals(ran, ["first@10", "second@10", "nested@10"]);
  assertEquals(clock.timers, 1);
  clock.advance(5);
  assertEquals(ran.at(-1), "late@20");
});

Deno.test("ManualClock.runSoon runs what waits, and not what that asks for", () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  clock.soon(() => {
    ran.push(1);
    clock.soon(() => ran.push(2));
  });
  assertEquals(clock.runSoon(), 1);
  assertEquals([ran, clock.waitingSoon], [[1], 1]);
  assertEquals(clock.runSoon(), 1);
  assertEquals(ran, [1, 2]);
});

Deno.test("ManualClock.settle runs everything that needs no time", async () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  clock.soon(() => Promise.resolve().then(() => clock.soon(() => ran.push(1))));
  clock.after(1, () => ran.push(2));
  await clock.settle();
  assertEquals(ran, [1]);
});

Deno.test("ManualClock.finish gives the promise's outcome, or says that it waits", async () => {
  const clock = new ManualClock();
  const soon = new Promise<number>((resolve) => clock.soon(() => resolve(3)));
  assertEquals(await clock.finish(soon), 3);
  await assertRejects(() => clock.finish(Promise.reject(new Error("no"))), Error, "no");
  const never = new Promise<void>((resolve) => clock.after(1, resolve));
  await assertRejects(() => clock.finish(never), Error, "nothing is ready to run");
});
