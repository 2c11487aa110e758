import { assertAlmostEquals, assertEquals } from "@std/assert";
import { noCounts } from "../../bench/load/counted_platform.ts";
import { noiseOf, noiseWords } from "../../bench/load/noise.ts";
import { type Result, summarize, toJsonLines, withRatios } from "../../bench/load/result.ts";
import type { Round } from "../../bench/load/round.ts";
import { withOverhead } from "../../bench/load/works/postgres.ts";

function round(operations: number, others: Partial<Round> = {}): Round {
  return {
    operations,
    seconds: 2,
    p50: 100,
    p99: 200,
    p999: 300,
    counts: null,
    resident: 1000,
    processor: { own: 0.5, foreign: 0.25, stolen: 0 },
    extra: {},
    ...others,
  };
}

const ROW: Result = { work: "log", contender: "log", concurrency: 1, per_s: 80, rounds: 3 };

Deno.test("summarize() takes medians of rounds and sums of counts", () => {
  const counts = (syncs: number, bytes: number) => ({ ...noCounts(), syncs, bytes, forcing: 2 });
  const result = summarize("log", "log", 16, [
    round(200, { counts: counts(20, 20_000), p99: 500, resident: 3000 }),
    round(400, { counts: counts(30, 40_000), extra: { pauses: 4 } }),
    round(600, { counts: counts(50, 60_000), extra: { pauses: 8 } }),
  ]);
  assertEquals(result, {
    work: "log",
    contender: "log",
    concurrency: 16,
    per_s: 200,
    p50_us: 100,
    p99_us: 200,
    p999_us: 300,
    syncs_per_operation: 100 / 1200,
    batch: 12,
    bytes_per_operation: 100,
    force_us: 60,
    resident_bytes: 3000,
    cpu_us: 2500,
    spread: 1,
    foreign_cpu: 0.25,
    stolen_cpu: 0,
    rounds: 3,
    extra: { pauses: 6 },
  });
});

Deno.test("summarize() has no figure for what was not counted", () => {
  const processor = { own: 0.5, foreign: null, stolen: null };
  const result = summarize("log", "sqlite", 1, [round(10, { processor })]);
  for (const field of ["batch", "bytes_per_operation", "force_us", "foreign_cpu", "extra"]) {
    assertEquals(field in result, false, field);
  }
});

Deno.test("withRatios() divides by the disk of the same work and load", () => {
  const [own, disk, other] = withRatios([
    ROW,
    { ...ROW, contender: "disk", per_s: 100 },
    { ...ROW, concurrency: 16 },
  ], "disk");
  assertEquals([own!.ratio_to_disk, disk!.ratio_to_disk], [0.8, 1]);
  assertEquals("ratio_to_disk" in other!, false);
});

Deno.test("toJsonLines() writes an object a line, with the names that readers rely on", () => {
  const lines = toJsonLines([{ ...ROW, p50_us: 1, p99_us: 2, ratio_to_disk: 0.5 }, ROW]);
  assertEquals(lines.endsWith("\n"), true);
  const [first, second, ...rest] = lines.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(rest, []);
  const { work, concurrency, per_s, p50_us, p99_us, ratio_to_disk } = first;
  assertEquals(
    { work, concurrency, per_s, p50_us, p99_us, ratio_to_disk },
    { work: "log", concurrency: 1, per_s: 80, p50_us: 1, p99_us: 2, ratio_to_disk: 0.5 },
  );
  assertEquals(second.rounds, 3);
});

Deno.test("withOverhead() compares the time of a transaction, with and without its sync", () => {
  const [own, bare, same, synced, alone] = withOverhead([
    { ...ROW, contender: "postgres", per_s: 800, force_us: 100 },
    { ...ROW, contender: "postgres by hand", per_s: 1000 },
    { ...ROW, contender: "postgres same by hand", per_s: 1000 / 1.1 },
    { ...ROW, contender: "postgres same by hand, synced", per_s: 1000 / 1.2, force_us: 100 },
    { ...ROW, contender: "postgres", concurrency: 64, per_s: 800, force_us: 100 },
  ]);
  assertAlmostEquals(own!.extra!["over bare %"]!, 25);
  assertAlmostEquals(own!.extra!["over bare, without force %"]!, 15);
  assertAlmostEquals(own!.extra!["over same %"]!, 100 * (1.25 / 1.1 - 1));
  assertAlmostEquals(own!.extra!["over same, without force %"]!, 100 * (1.15 / 1.1 - 1));
  assertAlmostEquals(own!.extra!["over synced %"]!, 100 * (1.25 / 1.2 - 1));
  // Both have a sync there.
  assertEquals(own!.extra!["over synced, without force %"], undefined);
  for (const hand of [bare, same, synced]) assertEquals(hand!.extra, undefined);
  assertEquals(alone!.extra, {});
});

Deno.test("noiseOf() names what disturbed, and nothing in a quiet run", () => {
  const quiet: Result = { ...ROW, foreign_cpu: 0.02, stolen_cpu: 0, spread: 0.03 };
  assertEquals(noiseOf([quiet]), []);
  assertEquals(
    noiseWords([quiet]),
    "No noise seen: nothing else used the machine; the rounds agree",
  );
  assertEquals(
    noiseWords([{ ...ROW, rounds: 1 }]),
    "No noise seen: what else used the machine cannot be told, look at it yourself; " +
      "one round says nothing about chance",
  );
  assertEquals(noiseOf([quiet, { ...quiet, foreign_cpu: 0.5, spread: 0.4 }]), [
    "log, log at 1: others used 0.50 processors, its rounds lie 40 % apart",
  ]);
  assertEquals(noiseWords([{ ...quiet, stolen_cpu: 0.2 }]).startsWith("Noisy"), true);
});
