/**
 * Proves the clock of the machine as far as that takes no time, and what is built on clocks with
 * one that stands still.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { sleep, systemClock, within } from "../../src/platform/clock.ts";
import { ManualClock } from "../simulation/manual_clock.ts";

Deno.test("systemClock.elapsed never goes back, and now is the time of the machine", () => {
  const first = systemClock.elapsed();
  const readings = Array.from({ length: 100 }, () => systemClock.elapsed());
  assert([first, ...readings].every((value, index, all) => value >= (all[index - 1] ?? value)));
  assert(Math.abs(systemClock.now() - Date.now()) < 60_000);
});

Deno.test("systemClock.after runs the callback once, unless it is cancelled", async () => {
  const ran: string[] = [];
  systemClock.after(0, () => ran.push("cancelled")).cancel();
  await new Promise<void>((resolve) => {
    const timer = systemClock.after(0, () => {
      ran.push("ran");
      timer.cancel();
      resolve();
    });
  });
  assertEquals(ran, ["ran"]);
});

Deno.test("systemClock.soon runs behind what is ready, in the order of asking", async () => {
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.soon(() => ran.push("soon"));
    systemClock.soon(resolve);
    Promise.resolve().then(() => {}).then(() => ran.push("microtask"));
  });
  assertEquals(ran, ["microtask", "soon"]);
});

Deno.test("sleep resolves to true after its time, and not before", async () => {
  const clock = new ManualClock();
  let slept: boolean | null = null;
  sleep(clock, 100).then((whole) => slept = whole);
  clock.advance(99);
  await clock.settle();
  assertEquals(slept, null);
  clock.advance(1);
  await clock.settle();
  assertEquals(slept, true);
});

Deno.test("sleep resolves to false when it is aborted, and leaves no timer", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 100, controller.signal);
  assertEquals(clock.timers, 1);
  controller.abort();
  assertEquals([await sleeping, clock.timers], [false, 0]);
  assertEquals([await sleep(clock, 100, controller.signal), clock.timers], [false, 0]);
});

Deno.test("sleep does not mind an abort that comes after it", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 100, controller.signal);
  clock.advance(100);
  controller.abort();
  assertEquals(await sleeping, true);
});

Deno.test("within gives what the promise gives, if that comes in time", async () => {
  const clock = new ManualClock();
  assertEquals(await within(clock, Promise.resolve("value"), 100, "late"), "value");
  await assertRejects(() => within(clock, Promise.reject(new Error("no")), 100, "late"), Error);
  await clock.settle();
  assertEquals(clock.timers, 0);
});

Deno.test("within gives the late answer when time is up, and ignores what comes then", async () => {
  const clock = new ManualClock();
  const { promise, reject } = Promise.withResolvers<string>();
  const answer = within(clock, promise, 100, "late");
  clock.advance(100);
  assertEquals(await answer, "late");
  reject(new Error("too late"));
  await clock.settle();
});
