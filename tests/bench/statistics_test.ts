import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Histogram } from "../../bench/load/histogram.ts";
import { median, spread } from "../../bench/load/statistics.ts";

Deno.test("median() is the middle one, or halfway between two", () => {
  assertEquals(median([3]), 3);
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([4, 1, 10, 2]), 3);
  assertThrows(() => median([]), RangeError, "Cannot take the median of nothing");
});

Deno.test("spread() is the distance of the extremes as a part of the median", () => {
  assertEquals(spread([10, 10, 10]), 0);
  assertEquals(spread([8, 10, 12]), 0.4);
  assertEquals(spread([0, 0]), 0);
});

Deno.test("a percentile of the histogram is the exact one, at most 1 % larger", () => {
  const durations = fc.array(fc.double({ min: 0.002, max: 100_000, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99, 0.999, 1), (values, part) => {
    const histogram = new Histogram();
    for (const value of values) histogram.add(value);
    const sorted = values.toSorted((one, other) => one - other);
    const exact = sorted[Math.ceil(part * sorted.length) - 1]!;
    const found = histogram.percentile(part);
    assert(found >= exact * (1 - 1e-9) && found <= exact * 1.0101, `${found} for ${exact}`);
    assertEquals(histogram.count, values.length);
  }));
});

Deno.test("a histogram takes anything: nothing, what is too short, and what is too long", () => {
  const histogram = new Histogram();
  assertEquals(histogram.percentile(0.5), 0);
  histogram.add(0);
  assert(histogram.percentile(0.5) <= 0.00102);
  histogram.clear();
  assertEquals(histogram.count, 0);
  histogram.add(1e12);
  assert(histogram.percentile(0.5) > 900_000);
});
