/**
 * Proves when a company is parted in two: when it is large and has as much to do as a sync takes, for a while; and
 * that it is joined again when it has not, or is no longer large.
 */

import { assertEquals } from "@std/assert";
import { Overlap } from "../../src/wal/overlap.ts";
import { ManualClock } from "../simulation/manual_clock.ts";

/** The smallest company that is parted. */
const LARGE = 64;

/** So many batches in a row make a change. */
const CHANGE = 8;

/** More than ever wait. */
const MANY = 16_384;

/** Batches of the whole company, each with so many milliseconds of sync and then of work. */
function whole(clock: ManualClock, overlap: Overlap, sizes: number[], sync: number, work: number) {
  for (const size of sizes) {
    overlap.begin(size);
    clock.advance(sync);
    overlap.end(size);
    clock.advance(work);
  }
}

/** Batches of a third and of the rest in turn; the others are idle for so long before each sync ends. */
async function parted(
  clock: ManualClock,
  overlap: Overlap,
  times: number,
  work: number,
  idle: number,
): Promise<void> {
  for (let time = 0; time < times; time++) {
    clock.advance(work);
    await clock.settle();
    clock.advance(idle);
    overlap.begin(LARGE / 2);
    overlap.end(LARGE / 2);
  }
}

function times(count: number, size = LARGE): number[] {
  return new Array<number>(count).fill(size);
}

/** One whose company is parted. */
function partedOne(): { clock: ManualClock; overlap: Overlap } {
  const clock = new ManualClock();
  const overlap = new Overlap(clock);
  whole(clock, overlap, times(CHANGE + 1), 10, 20);
  return { clock, overlap };
}

Deno.test("Overlap parts a company that has as much to do as a sync takes, after a while", () => {
  const clock = new ManualClock();
  const overlap = new Overlap(clock);
  // What is done between two batches is not known before the second.
  whole(clock, overlap, times(CHANGE), 10, 20);
  assertEquals([overlap.isOn, overlap.enough > MANY], [false, true]);
  whole(clock, overlap, times(1), 10, 20);
  assertEquals([overlap.isOn, overlap.enough], [true, Math.ceil(LARGE / 3)]);
});

Deno.test("Overlap parts no company that has less to do, as on a slow disk", () => {
  const clock = new ManualClock();
  const overlap = new Overlap(clock);
  whole(clock, overlap, times(100), 10, 7);
  assertEquals([overlap.isOn, overlap.enough > MANY], [false, true]);
});

Deno.test("Overlap parts no small company, however much it has to do", () => {
  const clock = new ManualClock();
  const overlap = new Overlap(clock);
  whole(clock, overlap, times(100, LARGE - 1), 1, 1000);
  assertEquals(overlap.isOn, false);
});

Deno.test("Overlap counts anew when the company was small or had little to do", () => {
  const clock = new ManualClock();
  const overlap = new Overlap(clock);
  whole(clock, overlap, times(CHANGE), 10, 20);
  whole(clock, overlap, times(1, 3), 10, 20);
  whole(clock, overlap, times(CHANGE - 1), 10, 20);
  whole(clock, overlap, times(2), 10, 1);
  whole(clock, overlap, times(CHANGE - 1), 10, 20);
  assertEquals(overlap.isOn, false);
});

Deno.test("Overlap keeps a company parted that works while it is synced", async () => {
  const { clock, overlap } = partedOne();
  await parted(clock, overlap, 10 * CHANGE, 10, 10);
  assertEquals([overlap.isOn, overlap.enough], [true, Math.ceil(LARGE / 3)]);
});

Deno.test("Overlap joins a company again that is idle for longer than it works", async () => {
  const { clock, overlap } = partedOne();
  await parted(clock, overlap, CHANGE, 10, 11);
  assertEquals(overlap.isOn, true);
  await parted(clock, overlap, 1, 10, 11);
  assertEquals([overlap.isOn, overlap.enough > MANY], [false, true]);
});

Deno.test("Overlap joins a company again that has become small, at once", () => {
  const { overlap } = partedOne();
  overlap.begin(10);
  overlap.end(10);
  assertEquals(overlap.isOn, true, "half of it may be so few");
  overlap.begin(10);
  overlap.end(10);
  assertEquals([overlap.isOn, overlap.enough > MANY], [false, true]);
});

Deno.test("Overlap makes nothing of a batch for which nobody waited", () => {
  const { overlap } = partedOne();
  for (let time = 0; time < CHANGE; time++) {
    overlap.begin(0);
    overlap.end(0);
  }
  assertEquals([overlap.isOn, overlap.enough], [true, Math.ceil(LARGE / 3)]);
});
