/**
 * Rates by concurrency as a chart in SVG: groups of bars on a logarithmic scale, each bar with its figure,
 * so that nobody has to read lengths. Readable on a light and on a dark page, and without colours.
 *
 * @module
 */

import type { Result } from "./result.ts";

/** What stands above a chart. */
export interface ChartWords {
  readonly title: string;
  readonly subtitle: string;
}

const WIDTH = 780;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 16;
const TOP = 92;
const BOTTOM = 44;
const GROUP_GAP = 0.12;
const LEGEND_TOP = 56;
const LEGEND_LINE = 18;
/** About the width of a character of the legend, at most. */
const CHARACTER = 7;
const FONT_SIZE = 12;
/** A figure above a bar has so many characters, each a part of its size wide, and touches no other. */
const FIGURE_LENGTH = 5;
const FIGURE_CHARACTER = 0.58;
const COLOURS = ["#2563eb", "#64748b", "#d97706", "#059669", "#9333ea"];

/** What a contender is called in a chart. */
const LABELS: Readonly<Record<string, string>> = {
  commit: "this library",
  tuned: "this library, tuned",
  log: "this library",
  forced: "this library, without numbers",
  "bare path": "the bare path: same steps and bytes, nothing else",
  disk: "the disk itself: same bytes, no framing",
  sqlite: "SQLite, WAL, synchronous=FULL",
};

/**
 * Draws a chart.
 *
 * @param results At least one, of one work.
 * @param words What stands above it.
 * @returns An SVG document.
 * @throws {RangeError} If there is no result.
 */
export function drawChart(results: readonly Result[], { title, subtitle }: ChartWords): string {
  if (results.length === 0) throw new RangeError("Cannot draw a chart of nothing");
  const contenders = [...new Set(results.map(({ contender }) => contender))];
  const loads = [...new Set(results.map(({ concurrency }) => concurrency))].sort((a, b) => a - b);
  const scale = logarithmicScale(results.map(({ per_s }) => per_s));
  const words = `${title}: ${results.map(inWords).join("; ")}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" ` +
    `font-family="system-ui, sans-serif" font-size="${FONT_SIZE}">`,
    `<title>${escape(words)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 26, title, 'font-size="17" font-weight="600" fill="#0f172a"'),
    text(LEFT, 44, `${subtitle}; logarithmic scale`, 'fill="#475569"'),
    ...legend(contenders),
    ...gridLines(scale),
    ...loads.flatMap((load, group) =>
      drawGroup(results, contenders, load, group, loads.length, scale)
    ),
    text(
      (LEFT + WIDTH - RIGHT) / 2,
      HEIGHT - 8,
      "callers at once",
      'text-anchor="middle" fill="#475569"',
    ),
    "</svg>",
    "",
  ].join("\n");
}

interface Scale {
  /** Powers of ten, from the bottom to the top. */
  readonly ticks: readonly number[];
  /** Where a rate is. */
  y(rate: number): number;
}

function logarithmicScale(rates: readonly number[]): Scale {
  const positive = rates.filter((rate) => rate > 0);
  const exponent = (rate: number) => Math.log10(rate);
  const least = Math.floor(Math.min(...positive.map(exponent)));
  const most = Math.max(Math.ceil(Math.max(...positive.map(exponent))), least + 1);
  const height = HEIGHT - TOP - BOTTOM;
  return {
    ticks: Array.from({ length: most - least + 1 }, (_, index) => 10 ** (least + index)),
    y: (rate) => {
      const part = rate > 0 ? (exponent(rate) - least) / (most - least) : 0;
      return HEIGHT - BOTTOM - part * height;
    },
  };
}

function gridLines({ ticks, y }: Scale): string[] {
  return ticks.flatMap((rate) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(rate))}" y2="${round(y(rate))}" ` +
    `stroke="#e2e8f0"/>`,
    text(LEFT - 8, y(rate) + 4, compact(rate), 'text-anchor="end" fill="#475569"'),
  ]);
}

function legend(contenders: readonly string[]): string[] {
  let [x, y] = [LEFT, LEGEND_TOP];
  return contenders.flatMap((contender, index) => {
    const label = LABELS[contender] ?? contender;
    const width = 18 + label.length * CHARACTER;
    if (x + width > WIDTH) [x, y] = [LEFT, y + LEGEND_LINE];
    const place = x;
    x += width + 16;
    return [
      `<rect x="${round(place)}" y="${y}" width="12" height="12" rx="2" fill="${colour(index)}"/>`,
      text(place + 18, y + 10, label, 'fill="#0f172a"'),
    ];
  });
}

function drawGroup(
  results: readonly Result[],
  contenders: readonly string[],
  load: number,
  group: number,
  groups: number,
  { y }: Scale,
): string[] {
  const room = (WIDTH - LEFT - RIGHT) / groups;
  const width = room * (1 - GROUP_GAP) / contenders.length;
  const begin = LEFT + group * room + room * GROUP_GAP / 2;
  const size = round(Math.min(FONT_SIZE, width / (FIGURE_LENGTH * FIGURE_CHARACTER)));
  const style = `text-anchor="middle" font-size="${size}" fill="#0f172a"`;
  const bars = contenders.flatMap((contender, index) => {
    const result = results.find((one) => one.contender === contender && one.concurrency === load);
    if (result === undefined) return [];
    const top = y(result.per_s);
    const x = begin + index * width;
    return [
      `<rect x="${round(x + 2)}" y="${round(top)}" width="${round(width - 4)}" ` +
      `height="${round(Math.max(0, HEIGHT - BOTTOM - top))}" rx="2" fill="${colour(index)}"/>`,
      text(x + width / 2, top - 5, compact(result.per_s), style),
    ];
  });
  const label = text(
    begin + room * (1 - GROUP_GAP) / 2,
    HEIGHT - BOTTOM + 18,
    load.toLocaleString("en-US"),
    'text-anchor="middle" fill="#0f172a"',
  );
  return [...bars, label];
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length]!;
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escape(content)}</text>`;
}

/** Three digits at most: 9,950 is "9.95k", 348,000 is "348k". */
function compact(rate: number): string {
  const [divisor, unit] = rate >= 1e6 ? [1e6, "M"] : rate >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Number((rate / divisor).toPrecision(3))}${unit}`;
}

function inWords({ contender, concurrency, per_s }: Result): string {
  return `${LABELS[contender] ?? contender}, ${concurrency} at once: ${Math.round(per_s)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
