/**
 * Whether a run can be believed.
 *
 * @module
 */

import type { Result } from "./result.ts";

/** Processors that others may use without a word about it. */
const MAX_FOREIGN = 0.1;
const MAX_STOLEN = 0.05;
/** How far rounds may lie apart. */
const MAX_SPREAD = 0.15;

/** What disturbed a run, in one line each. */
export function noiseOf(results: readonly Result[]): string[] {
  const limits: [keyof Result, number, (value: number) => string][] = [
    ["foreign_cpu", MAX_FOREIGN, (value) => `others used ${value.toFixed(2)} processors`],
    ["stolen_cpu", MAX_STOLEN, (value) => `another machine had ${value.toFixed(2)} processors`],
    ["spread", MAX_SPREAD, (value) => `its rounds lie ${(value * 100).toFixed(0)} % apart`],
  ];
  return results.flatMap((result) => {
    const words = limits.flatMap(([field, limit, text]) => {
      const value = result[field];
      return typeof value === "number" && value > limit ? [text(value)] : [];
    });
    const { work, contender, concurrency } = result;
    return words.length === 0
      ? []
      : [`${work}, ${contender} at ${concurrency}: ${words.join(", ")}`];
  });
}

/** The same, with a word that says whether to believe the figures. */
export function noiseWords(results: readonly Result[]): string {
  const noise = noiseOf(results);
  if (noise.length > 0) {
    return `Noisy, do not quote these figures:\n${noise.map((line) => `  ${line}`).join("\n")}`;
  }
  const others = results.every((result) => result.foreign_cpu !== undefined)
    ? "nothing else used the machine"
    : "what else used the machine cannot be told, look at it yourself";
  const rounds = results.every((result) => result.rounds > 1)
    ? "the rounds agree"
    : "one round says nothing about chance";
  return `No noise seen: ${others}; ${rounds}`;
}
