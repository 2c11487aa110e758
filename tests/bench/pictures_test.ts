import { assert, assertEquals, assertThrows } from "@std/assert";
import { drawChart } from "../../bench/load/chart.ts";
import type { Result } from "../../bench/load/result.ts";
import { drawTable } from "../../bench/load/table.ts";

const WORDS = { title: "Rates <of> & things", subtitle: "somewhere" };

function row(contender: string, concurrency: number, per_s: number): Result {
  return { work: "log", contender, concurrency, per_s, rounds: 1 };
}

/** Heights of the bars, by the colour of their contender. */
function bars(svg: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const pattern =
    /<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)" rx="2" fill="(#\w+)"/g;
  for (const [all, height = "", colour = ""] of svg.matchAll(pattern)) {
    if (all.includes('width="12"')) continue;
    found.set(colour, [...found.get(colour) ?? [], Number(height)]);
  }
  return found;
}

/** As many as stand beside one another in any chart. */
const CONTENDERS = ["commit", "tuned", "disk", "sqlite", "bare path"];

Deno.test("drawChart() draws a bar for each result, as high as the logarithm of its rate", () => {
  const svg = drawChart([
    row("log", 1, 1000),
    row("log", 16, 10_000),
    row("disk", 1, 10_000),
    row("disk", 16, 100_000),
  ], WORDS);
  const [log, disk] = [...bars(svg).values()];
  assertEquals(log!.length, 2);
  assertEquals(log![1], disk![0]);
  assertEquals(Math.round(disk![1]! / disk![0]!), 2);
});

Deno.test("drawChart() is well-formed, says its figures in words, and keeps within its frame", () => {
  const svg = drawChart([row("log", 1, 9_950), row("sqlite", 1024, 1_234_567)], WORDS);
  assert(svg.startsWith("<svg ") && svg.endsWith("</svg>\n"));
  assert(svg.includes("Rates &lt;of&gt; &amp; things"));
  assert(svg.includes(">9.95k<") && svg.includes(">1.23M<") && svg.includes(">1,024<"));
  assert(svg.includes("this library, 1 at once: 9950"));
  assertEquals(svg.includes("NaN") || svg.includes("Infinity"), false);
  assertEquals(svg.match(/<text/g)?.length, svg.match(/<\/text>/g)?.length);
  for (const [, y = ""] of svg.matchAll(/ y="([\d.-]+)"/g)) {
    assert(Number(y) >= 0 && Number(y) <= 400, y);
  }
});

Deno.test("drawChart() keeps its legend within its frame, in lines below one another", () => {
  const svg = drawChart(CONTENDERS.map((contender) => row(contender, 1, 1000)), WORDS);
  const marks = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="12"/g)];
  const words = [...svg.matchAll(/<text x="[\d.]+" y="(?:66|84)"[^>]*>([^<]*)</g)];
  assertEquals([marks.length, words.length], [5, 5]);
  for (const [index, [, x]] of marks.entries()) {
    // No character of this size is wider.
    assert(Number(x) + 18 + words[index]![1]!.length * 7 <= 780, words[index]![1]);
  }
  assertEquals(new Set(marks.map(([, x, y]) => `${x} ${y}`)).size, 5);
});

Deno.test("drawChart() writes figures so small that those of neighbours do not touch", () => {
  const rows = CONTENDERS.flatMap((contender) =>
    [1, 16, 128, 1024].map((n) => row(contender, n, 4730))
  );
  const figures = [
    ...drawChart(rows, WORDS).matchAll(
      /<text x="([\d.]+)" y="[\d.]+" text-anchor="middle" font-size="([\d.]+)"[^>]*>4.73k</g,
    ),
  ].map(([, x, size]) => ({ x: Number(x), width: 5 * 0.58 * Number(size) })).sort((a, b) =>
    a.x - b.x
  );
  assertEquals(figures.length, rows.length);
  for (const [index, { x, width }] of figures.entries()) {
    if (index > 0) assert(x - figures[index - 1]!.x >= width - 0.5, String(x));
  }
});

Deno.test("drawChart() needs something to draw", () => {
  assertThrows(() => drawChart([], WORDS), RangeError, "Cannot draw a chart of nothing");
});

Deno.test("drawTable() leaves out what nobody has a figure for, and dashes what one has not", () => {
  const table = drawTable([
    { ...row("log", 16, 123_456.7), p50_us: 95.55, batch: 15.96, extra: { "pause ms": 1.5 } },
    { ...row("sqlite", 16, 99.44), p50_us: 1234 },
  ]);
  const [head, first, second] = table.split("\n").map((line) => line.trim().split(/ {2,}/));
  assertEquals(head, ["work", "by", "callers", "per second", "p50 µs", "batch", "pause ms"]);
  assertEquals(first, ["log", "log", "16", "123,457", "95.6", "16.0", "1.500"]);
  assertEquals(second, ["log", "sqlite", "16", "99.4", "1,234", "–", "–"]);
});
