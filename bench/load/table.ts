/**
 * Results as a table for people.
 *
 * @module
 */

import Table from "cli-table3";
import type { Result } from "./result.ts";

const MEBIBYTE = 1_048_576;
const NONE = "–";

/** Without borders: a line can then be found, copied and compared. */
const NO_BORDERS = Object.fromEntries(
  ["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left"]
    .concat("bottom-right", "left", "left-mid", "mid", "mid-mid", "right", "right-mid", "middle")
    .map((place) => [place, ""]),
);

type Column = readonly [heading: string, text: (result: Result) => string];

function figure(digits: number, value: number | undefined): string {
  if (value === undefined) return NONE;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Few digits where the figure is large, more where it is small. */
function short(value: number | undefined): string {
  return figure(
    value !== undefined && value < 10 ? 3 : value !== undefined && value < 100 ? 1 : 0,
    value,
  );
}

function percent(part: number | undefined): string {
  return part === undefined ? NONE : `${(part * 100).toFixed(0)} %`;
}

const COLUMNS: readonly Column[] = [
  ["work", ({ work }) => work],
  ["by", ({ contender }) => contender],
  ["callers", ({ concurrency }) => figure(0, concurrency)],
  ["per second", ({ per_s }) => figure(per_s < 100 ? 1 : 0, per_s)],
  ["of disk", ({ ratio_to_disk }) => figure(2, ratio_to_disk)],
  ["p50 µs", ({ p50_us }) => short(p50_us)],
  ["p99 µs", ({ p99_us }) => short(p99_us)],
  ["p999 µs", ({ p999_us }) => short(p999_us)],
  ["syncs each", ({ syncs_per_operation }) => figure(4, syncs_per_operation)],
  ["batch", ({ batch }) => figure(1, batch)],
  ["bytes each", ({ bytes_per_operation }) => figure(0, bytes_per_operation)],
  ["force µs", ({ force_us }) => short(force_us)],
  ["CPU µs", ({ cpu_us }) => short(cpu_us)],
  [
    "resident MiB",
    ({ resident_bytes }) =>
      figure(0, resident_bytes === undefined ? undefined : resident_bytes / MEBIBYTE),
  ],
  ["spread", ({ spread }) => percent(spread)],
  ["foreign CPU", ({ foreign_cpu }) => figure(2, foreign_cpu)],
];

/** Draws the table; columns in which nobody has a figure are left out, those of a work's own come last. */
export function drawTable(results: readonly Result[]): string {
  const own = [...new Set(results.flatMap(({ extra }) => Object.keys(extra ?? {})))]
    .map((name): Column => [name, ({ extra }) => short(extra?.[name])]);
  const columns = [...COLUMNS, ...own]
    .filter(([, text]) => results.some((result) => text(result) !== NONE));
  const table = new Table({
    head: columns.map(([heading]) => heading),
    chars: NO_BORDERS,
    colAligns: columns.map((_, index) => index < 2 ? "left" : "right"),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  table.push(...results.map((result) => columns.map(([, text]) => text(result))));
  return table.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}
