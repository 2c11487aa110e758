/** Proves that virtual time runs callbacks in the order of their time, then of their age. */

import { assertEquals } from "@std/assert";
import { SeededRandom } from "../seeded_random.ts";
import { VirtualClock } from "./virtual_clock.ts";

Deno.test("VirtualClock runs timers by their time and then by their age", async () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const due = Array.from({ length: 200 }, () => random.below(50));
  const ran: [due: number, age: number][] = [];
  for (const [age, milliseconds] of due.entries()) {
    clock.after(milliseconds, () => ran.push([clock.elapsed(), age]));
  }
  await clock.pass(50);
  const expected = due.map((milliseconds, age): [number, number] => [milliseconds, age])
    .sort(([one, age], [other, otherAge]) => one - other || age - otherAge);
  assertEquals(ran, expected);
});

Deno.test("VirtualClock lets everything run before time goes on, and forgets what is cancelled", async () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  clock.after(1, async () => {
    await Promise.resolve();
    clock.soon(() => order.push("soon"));
  });
  clock.after(1, () => order.push("second")).cancel();
  clock.after(2, () => order.push("third"));
  await clock.pass(5);
  assertEquals(order, ["soon", "third"]);
  assertEquals(clock.elapsed(), 5);
});
