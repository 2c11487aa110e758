/**
 * Proves for how long those who wait for a sync wait for company: a turn, or until as many have come as came
 * each time of late; and that a turn comes again and again however fast they come.
 */

import { assertEquals } from "@std/assert";
import { Company } from "../../src/wal/company.ts";
import { emptyMicrotasks, ManualClock } from "../simulation/manual_clock.ts";

/** After so many equal batches it is known how many come. */
const STEADY = 8;

/** After so many batches without a turn there is one. */
const WITHOUT_TURN = 16;

/** The most whom nobody waits longer for. */
const SMALL = 32;

/** A batch for which so many come one after another; answers how many had come when it was taken. */
async function batch(company: Company, clock: ManualClock, size: number): Promise<number> {
  let taken = 0;
  let came = 1;
  company.wait(came).then(() => taken = came);
  for (; came < size && taken === 0; came++) {
    await emptyMicrotasks();
    if (company.isAwaited) company.join(came + 1);
  }
  await emptyMicrotasks();
  if (taken === 0) await clock.settle();
  company.note(taken);
  return taken;
}

/** Whether a batch for which so many come is taken without a turn. */
async function isHurried(company: Company, clock: ManualClock, size: number): Promise<boolean> {
  let taken = false;
  company.wait(size - 1).then(() => taken = true);
  if (company.isAwaited) company.join(size);
  await emptyMicrotasks();
  const hurried = taken;
  await clock.settle();
  company.note(size);
  return hurried;
}

for (const size of [2, 3, SMALL]) {
  Deno.test(`Company of ${size} is complete without a turn when it was as many for a while`, async () => {
    const clock = new ManualClock();
    const company = new Company(clock);
    for (let times = 0; times < STEADY; times++) {
      assertEquals(await isHurried(company, clock, size), false);
    }
    assertEquals(await isHurried(company, clock, size), true);
  });
}

Deno.test("Company that is large has its turn always", async () => {
  const clock = new ManualClock();
  const company = new Company(clock);
  for (let times = 0; times < 3 * STEADY; times++) {
    assertEquals(await isHurried(company, clock, SMALL + 1), false);
  }
});

Deno.test("Company that is less than usual has its turn, and counts anew", async () => {
  const clock = new ManualClock();
  const company = new Company(clock);
  for (let times = 0; times <= STEADY; times++) await isHurried(company, clock, 3);
  for (let times = 0; times < STEADY; times++) {
    assertEquals(await isHurried(company, clock, 2), false);
  }
  assertEquals(await isHurried(company, clock, 2), true);
});

Deno.test("Company has a turn again and again, by which more are noticed", async () => {
  const clock = new ManualClock();
  const company = new Company(clock);
  for (let times = 0; times < STEADY; times++) await batch(company, clock, 2);
  const taken: number[] = [];
  // From now on a third comes behind the second, too late for a batch that is taken at once.
  for (let times = 0; times <= WITHOUT_TURN; times++) taken.push(await batch(company, clock, 3));
  assertEquals(taken, [...new Array<number>(WITHOUT_TURN).fill(2), 3]);
});

Deno.test("Company.note makes nothing of a batch for which nobody waited", async () => {
  const clock = new ManualClock();
  const company = new Company(clock);
  for (let times = 0; times < STEADY; times++) {
    await isHurried(company, clock, 2);
    company.note(0);
  }
  assertEquals(await isHurried(company, clock, 2), true);
  let taken = false;
  company.wait(0).then(() => taken = true);
  await emptyMicrotasks();
  assertEquals(taken, false);
});
