/**
 * One row of the results: one contender under one load, over all its rounds.
 *
 * @module
 */

import type { Round } from "./round.ts";
import { median, spread } from "./statistics.ts";

/** What is written with `--json`, an object a line. Absent figures do not apply or were not counted. */
export interface Result {
  /** What was done. */
  readonly work: string;
  /** Who did it. */
  readonly contender: string;
  /** How many callers there were. */
  readonly concurrency: number;
  /** Operations per second: median of the rounds. */
  readonly per_s: number;
  /** Microseconds of an operation: medians of the rounds' percentiles. */
  readonly p50_us?: number;
  readonly p99_us?: number;
  readonly p999_us?: number;
  /** `per_s` by that of the disk itself in the same run. */
  readonly ratio_to_disk?: number;
  /** Syncs of records by operations. */
  readonly syncs_per_operation?: number;
  /** Operations by syncs. */
  readonly batch?: number;
  /** Bytes of records by operations. */
  readonly bytes_per_operation?: number;
  /** Microseconds from a write to the end of its sync, on the average. */
  readonly force_us?: number;
  /** Largest resident memory of its process at the end of a round, in bytes. */
  readonly resident_bytes?: number;
  /** Microseconds of processor time of its process by operations, in all threads. */
  readonly cpu_us?: number;
  /** How far the rounds lie apart: largest rate less smallest, by the median. */
  readonly spread?: number;
  /** Processors that others used meanwhile: median of the rounds. */
  readonly foreign_cpu?: number;
  /** Processors that another virtual machine had instead. */
  readonly stolen_cpu?: number;
  /** Rounds that were counted. */
  readonly rounds: number;
  /** Figures that only this work has. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** Sums up the rounds of one contender. */
export function summarize(
  work: string,
  contender: string,
  concurrency: number,
  rounds: readonly Round[],
): Result {
  const rates = rounds.map(({ operations, seconds }) => operations / seconds);
  const middle = (figure: (round: Round) => number | null) => {
    const values = rounds.map(figure).filter((value) => value !== null);
    return values.length === 0 ? null : median(values);
  };
  const operations = sum(rounds.map((round) => round.operations));
  const counted = rounds.every(({ counts }) => counts !== null);
  const total = (field: "syncs" | "bytes" | "forcing") =>
    sum(rounds.map(({ counts }) => counts?.[field] ?? 0));
  const syncs = total("syncs");
  const foreign = middle(({ processor }) => processor.foreign);
  const stolen = middle(({ processor }) => processor.stolen);
  const extra = mediansOf(rounds.map((round) => round.extra));
  return {
    work,
    contender,
    concurrency,
    per_s: median(rates),
    p50_us: middle(({ p50 }) => p50) ?? 0,
    p99_us: middle(({ p99 }) => p99) ?? 0,
    p999_us: middle(({ p999 }) => p999) ?? 0,
    ...(counted && syncs > 0
      ? {
        syncs_per_operation: syncs / operations,
        batch: operations / syncs,
        bytes_per_operation: total("bytes") / operations,
        ...(total("forcing") > 0 ? { force_us: total("forcing") * 1000 / syncs } : {}),
      }
      : {}),
    resident_bytes: Math.max(...rounds.map(({ resident }) => resident)),
    cpu_us: sum(rounds.map(({ processor, seconds }) => processor.own * seconds * 1e6)) / operations,
    spread: spread(rates),
    ...(foreign === null ? {} : { foreign_cpu: foreign }),
    ...(stolen === null ? {} : { stolen_cpu: stolen }),
    rounds: rounds.length,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Puts beside each result what part it is of the result of `disk` at the same concurrency. */
export function withRatios(results: readonly Result[], disk: string): Result[] {
  return results.map((result) => {
    const limit = results.find(({ contender, concurrency, work }) =>
      contender === disk && concurrency === result.concurrency && work === result.work
    );
    return limit === undefined ? result : { ...result, ratio_to_disk: result.per_s / limit.per_s };
  });
}

/** Results as lines of JSON. */
export function toJsonLines(results: readonly Result[]): string {
  return results.map((result) => `${JSON.stringify(result)}\n`).join("");
}

function mediansOf(extras: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = [...new Set(extras.flatMap((extra) => Object.keys(extra)))];
  return Object.fromEntries(names.map((name) => {
    const values = extras.map((extra) => extra[name]).filter((value) => value !== undefined);
    return [name, median(values)];
  }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
