/** What happened in a run, line by line, for whoever has to understand a seed that failed. */

const MAX_LINES = 20_000;

/** The timeline of one run. */
export class Timeline {
  readonly #now: () => number;
  readonly #lines: string[] = [];

  /** Asks for the time of each line. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Adds a line. */
  note(what: string): void {
    if (this.#lines.length >= MAX_LINES) throw new Error("Cannot go on: the timeline has no end");
    this.#lines.push(`${this.#now().toFixed(0).padStart(7)} ${what}`);
  }

  /** All of it, or the lines that say one of these words. */
  text(...words: string[]): string {
    const lines = words.length === 0
      ? this.#lines
      : this.#lines.filter((line) => words.some((word) => line.includes(word)));
    return lines.join("\n");
  }
}
