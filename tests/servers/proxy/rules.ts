/**
 * Rules for a {@linkcode Proxy} that tests have in common.
 *
 * @module
 */

import type { Command, Treatment } from "./proxy.ts";

/** Counts the commands that it passes, and treats one of them otherwise. */
export class NthCommand {
  readonly #nth: number;
  readonly #treatment: Treatment;
  readonly #pattern: RegExp;

  /** Commands that matched, in order. */
  readonly texts: string[] = [];

  /**
   * Begins to count.
   *
   * @param nth Which of them, from 1; 0 for none.
   * @param treatment What is done with it.
   * @param pattern What a command must match to be counted.
   */
  constructor(nth: number, treatment: Treatment, pattern: RegExp = /^/) {
    this.#nth = nth;
    this.#treatment = treatment;
    this.#pattern = pattern;
  }

  /** Whether it has been treated. */
  get done(): boolean {
    return this.#nth > 0 && this.texts.length >= this.#nth;
  }

  /** The rule. */
  readonly rule = ({ text }: Command): Treatment => {
    if (!this.#pattern.test(text)) return "pass";
    return this.texts.push(text) === this.#nth ? this.#treatment : "pass";
  };
}

/** A rule for the first command that matches; all others pass. */
export function first(pattern: RegExp, treatment: Treatment): (command: Command) => Treatment {
  return new NthCommand(1, treatment, pattern).rule;
}
