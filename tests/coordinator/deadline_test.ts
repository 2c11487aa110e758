/**
 * Guarantees a transaction's end of time: the timeout or the signal, whichever is first, once, and
 * not after the watch has ended.
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Deadline, DeadlineError } from "../../src/coordinator/deadline.ts";
import { SteppedClock } from "./support/stepped_clock.ts";

const never = new Promise<never>(() => {});

Deno.test("Deadline.race() gives what the promise gives while there is time", async () => {
  using deadline = new Deadline(new SteppedClock(), 100);
  assertEquals(await deadline.race(Promise.resolve(5)), 5);
  await assertRejects(() => deadline.race(Promise.reject(new RangeError("its own"))), RangeError);
  assertEquals(deadline.error, null);
});

Deno.test("Deadline.race() ends with the timeout, which may be tried again", async () => {
  const clock = new SteppedClock();
  using deadline = new Deadline(clock, 100);
  const racing = assertRejects(() => deadline.race(never), DeadlineError, "100 ms");
  await clock.pass(99);
  assertEquals(deadline.error, null);
  await clock.pass(1);
  assert((await racing).retryable);
  assertStrictEquals(deadline.error, await racing);
});

Deno.test("Deadline.race() ends with the signal, whose reason is the cause", async () => {
  const controller = new AbortController();
  using deadline = new Deadline(new SteppedClock(), 100, controller.signal);
  const racing = assertRejects(() => deadline.race(never), DeadlineError, "signal");
  const reason = new Error("the caller left");
  controller.abort(reason);
  const error = await racing;
  assertEquals([error.retryable, error.cause], [false, reason]);
});

Deno.test("Deadline.race() throws at once when time was up before", async () => {
  using deadline = new Deadline(new SteppedClock(), 100, AbortSignal.abort("early"));
  const error = await assertRejects(() => deadline.race(Promise.resolve(1)), DeadlineError);
  assertEquals(error.cause, "early");
});

Deno.test("Deadline.race() looks after a rejection that comes when time is up", async () => {
  const clock = new SteppedClock();
  using deadline = new Deadline(clock, 10);
  const late = Promise.withResolvers<void>();
  const racing = assertRejects(() => deadline.race(late.promise), DeadlineError);
  await clock.pass(10);
  await racing;
  late.reject(new Error("nobody waits for this"));
  await clock.settle();
});

Deno.test("Deadline.expire() ends the time early", async () => {
  using deadline = new Deadline(new SteppedClock(), 10);
  const reason = new DeadlineError("its coordinator was closed", false);
  const racing = assertRejects(() => deadline.race(never), DeadlineError);
  deadline.expire(reason);
  deadline.expire(new DeadlineError("too late", true));
  assertStrictEquals(await racing, reason);
  assertStrictEquals(deadline.error, reason);
});

Deno.test("Deadline keeps the first reason", async () => {
  const clock = new SteppedClock();
  const controller = new AbortController();
  using deadline = new Deadline(clock, 10, controller.signal);
  await clock.pass(10);
  const first = deadline.error;
  controller.abort();
  assertStrictEquals(deadline.error, first);
  assert(first?.retryable);
});

Deno.test("Deadline.whenExpired() calls back once, also when time is up already", async () => {
  const clock = new SteppedClock();
  using deadline = new Deadline(clock, 10);
  let calls = 0;
  deadline.whenExpired({ timeUp: () => calls++ });
  await clock.pass(9);
  assertEquals(calls, 0);
  await clock.pass(100);
  assertEquals(calls, 1);
  deadline.whenExpired({ timeUp: () => calls++ });
  await clock.settle();
  assertEquals(calls, 2);
});

Deno.test("Deadline stops watching when it is disposed of", async () => {
  const clock = new SteppedClock();
  const controller = new AbortController();
  const deadline = new Deadline(clock, 10, controller.signal);
  let calls = 0;
  deadline.whenExpired({ timeUp: () => calls++ });
  deadline[Symbol.dispose]();
  assertEquals(clock.timers, 0);
  controller.abort();
  await clock.pass(100);
  assertEquals([deadline.error, calls], [null, 0]);
});
