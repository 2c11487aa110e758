/**
 * Guarantees that shared timers run as late as they should and in order, that those taken back do not run
 * and leave nothing behind, and that the machine has one timer for each duration.
 */

import { assert, assertEquals } from "@std/assert";
import { SharedTimers } from "../../src/platform/shared_timers.ts";
import { SteppedClock } from "../coordinator/support/stepped_clock.ts";
import { seededTest } from "../simulation/seeds.ts";

const DURATIONS = [10, 50, 1000] as const;

seededTest(
  "SharedTimers.after() runs each timer when its time has come, whatever is taken back",
  100,
  async (random) => {
    const clock = new SteppedClock();
    const shared = new SharedTimers(clock);
    const ran: [number, number][] = [];
    const expected: [number, number][] = [];
    for (let index = 0; index < 30; index++) {
      const after = DURATIONS[random.below(3)] ?? 10;
      const cancel = random.below(1500);
      const due = clock.elapsed() + after;
      const timer = shared.after(after, () => ran.push([index, clock.elapsed()]));
      if (cancel >= after) expected.push([index, due]);
      else clock.after(cancel, () => timer.cancel());
      await clock.pass(random.below(40));
    }
    await clock.pass(5000);
    assertEquals(ran.toSorted(([one], [other]) => one - other), expected);
    shared.close();
    assertEquals(clock.timers, 0);
  },
);

Deno.test("SharedTimers has one timer of the machine for each duration", async () => {
  const clock = new SteppedClock();
  const shared = new SharedTimers(clock);
  const timers = Array.from(
    { length: 1000 },
    (_, index) => shared.after(100 + index % 2, () => {}),
  );
  assertEquals(clock.timers, 2);
  for (const timer of timers) timer.cancel();
  assertEquals(clock.timers, 2);
  shared.close();
  assertEquals(clock.timers, 0);
  await clock.pass(200);
});

Deno.test("SharedTimers.close() leaves what is set to run", async () => {
  const clock = new SteppedClock();
  const shared = new SharedTimers(clock);
  let ran = false;
  shared.after(100, () => ran = true);
  await clock.pass(60);
  shared.close();
  await clock.pass(39);
  assert(!ran);
  await clock.pass(1);
  assert(ran);
});

Deno.test("SharedTimers.after() works for any number of durations", async () => {
  const clock = new SteppedClock();
  const shared = new SharedTimers(clock);
  let ran = 0;
  for (let duration = 1; duration <= 200; duration++) shared.after(duration, () => ran++);
  await clock.pass(200);
  assertEquals([ran, clock.timers], [200, 0]);
});

Deno.test("SharedTimers.after() runs none earlier for the turn's having been long", async () => {
  const clock = new SteppedClock();
  const shared = new SharedTimers(clock);
  const ran: [string, number][] = [];
  const set = (name: string) =>
    shared.after(100, (name) => ran.push([name, clock.elapsed()]), name);
  set("first");
  clock.advance(30);
  const taken = set("taken back");
  clock.advance(30);
  set("last");
  taken.cancel();
  clock.advance(5);
  await clock.pass(200);
  assertEquals(ran, [["first", 100], ["last", 165]]);
  shared.close();
  assertEquals(clock.timers, 0);
});

Deno.test("SharedTimers.after() runs what has no date yet when the machine's timer does", async () => {
  const clock = new SteppedClock();
  const shared = new SharedTimers(clock);
  const ran: [string, number][] = [];
  const set = (name: string) =>
    shared.after(100, (name) => ran.push([name, clock.elapsed()]), name);
  const first = set("first");
  clock.advance(99);
  set("second");
  first.cancel();
  // The machine's timer comes amid the turn, in which nothing has a date.
  clock.advance(2);
  assertEquals(ran, []);
  await clock.pass(300);
  assertEquals(ran, [["second", 201]]);
  assertEquals(clock.timers, 0);
});

Deno.test("SharedTimers looks at the clock once for all that are set in one turn", async () => {
  const clock = new SteppedClock();
  let looks = 0;
  const shared = new SharedTimers({
    now: () => clock.now(),
    elapsed: () => (looks++, clock.elapsed()),
    after: (...given) => clock.after(...given),
    soon: (callback) => clock.soon(callback),
  });
  const timers = Array.from({ length: 100 }, () => shared.after(100, () => {}));
  await clock.settle();
  assertEquals(looks, 2);
  for (const timer of timers) timer.cancel();
  shared.close();
});

Deno.test("SharedTimers.now() asks the machine once in a turn in which very many ask, and again in the next", async () => {
  const clock = new SteppedClock();
  let asked = 0;
  const shared = new SharedTimers({
    now: () => (asked++, clock.now()),
    elapsed: () => clock.elapsed(),
    after: (...given) => clock.after(...given),
    soon: (callback) => clock.soon(callback),
  });
  // One alone has its date at once.
  const timers = [shared.after(100, () => {})];
  assertEquals([shared.now(), shared.now(), asked], [clock.now(), clock.now(), 2]);
  timers.push(shared.after(100, () => {}));
  const first = shared.now();
  clock.advance(5);
  assertEquals([shared.now(), asked], [first, 3]);
  await clock.settle();
  assertEquals([shared.now(), asked], [first + 5, 4]);
  timers.push(shared.after(100, () => {}));
  clock.advance(5);
  assertEquals([shared.now(), asked], [first + 10, 5]);
  await clock.settle();
  for (const timer of timers) timer.cancel();
  shared.close();
});
