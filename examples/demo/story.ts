/**
 * Tells what happens while it happens: a line for each kill, with what the recovery after it found.
 *
 * @module
 */

import type { DemoOptions } from "./options.ts";
import type { RoundRecord, SettledTransaction } from "./facts.ts";
import { ACCOUNTS, FOUNDING_SUM } from "./bank.ts";
import { formatCents } from "./money.ts";
import { KILL_PLACES, placeOfKill } from "./kill_place.ts";
import type { Style } from "./style.ts";

const PLACE_WIDTH = Math.max(...KILL_PLACES.map((place) => place.length));

/** Tells it. */
export class Story {
  readonly #write: (line: string) => void;
  readonly #style: Style;
  readonly #rounds: number;

  /** Begins, with where the lines go. */
  constructor(write: (line: string) => void, style: Style, rounds: number) {
    this.#write = write;
    this.#style = style;
    this.#rounds = rounds;
  }

  /** What is going to happen. */
  opening({ rounds, seed }: DemoOptions, databases: string): void {
    const { bold, dim } = this.#style;
    this.#write(bold("Two banks, one commit: money moves between two databases"));
    this.#write(
      `A process makes transfers and is killed ${rounds === 1 ? "once" : `${rounds} times`}; ` +
        "after each kill it starts again and recovers",
    );
    this.#write(dim(`Databases: ${databases}. Seed: ${seed}, --seed ${seed} repeats its choices`));
    this.#write("");
  }

  /** The banks are there. */
  founded(milliseconds: number): void {
    this.#write(
      `Founded bank north and bank south with ${ACCOUNTS} accounts each, ` +
        `${formatCents(FOUNDING_SUM)} in all ${this.#time(milliseconds)}`,
    );
    this.#write("");
  }

  /** A worker was killed, and the next one has recovered or was killed itself before it could. */
  killed(before: RoundRecord, after: RoundRecord): void {
    const { red, dim } = this.#style;
    const number = `${before.round}/${this.#rounds}`.padStart(2 * `${this.#rounds}`.length + 1);
    const done = before.preparedLeft === null
      ? "before any transfer"
      : `after ${`${before.committed}`.padStart(3)} commits`;
    this.#write(
      `${dim(number)} ${red("killed")} ${(placeOfKill(before) ?? "").padEnd(PLACE_WIDTH)}  ${
        dim(done.padEnd(19))
      }  ` +
        this.#recovery(after),
    );
  }

  /** The last worker has ended by itself. */
  finished({ committed }: RoundRecord): void {
    this.#write("");
    this.#write(
      `The last process made ${committed} more transfers and ended by itself; now the books are checked`,
    );
    this.#write("");
  }

  /** Where everything lies that is kept. */
  kept(remains: readonly string[]): void {
    for (const line of remains) this.#write(line);
  }

  #recovery({ recovery, settled: all }: RoundRecord): string {
    const { green, yellow } = this.#style;
    const settled = all.filter(({ reported }) => !reported);
    if (recovery === null) {
      const sofar = settled.length === 0 ? "nothing settled yet" : `${outcomes(settled)} so far`;
      return `${yellow("↻")} recovery cut short, ${sofar}`;
    }
    const found = settled.length === 0
      ? "nothing in doubt"
      : `${settled.length} in doubt: ${outcomes(settled)}`;
    return `${green("↻")} ${found} ${this.#time(recovery.milliseconds)}`;
  }

  #time(milliseconds: number): string {
    const text = milliseconds < 1000
      ? `${milliseconds.toFixed(0)} ms`
      : `${(milliseconds / 1000).toFixed(1)} s`;
    return this.#style.dim(`(${text})`);
  }
}

/** Such as `2 committed, 1 rolled back`. */
function outcomes(settled: readonly SettledTransaction[]): string {
  return (["committed", "rolled back"] as const)
    .map((outcome) => [settled.filter((one) => one.outcome === outcome).length, outcome] as const)
    .filter(([count]) => count > 0)
    .map(([count, outcome]) => count === settled.length ? outcome : `${count} ${outcome}`)
    .join(", ");
}
