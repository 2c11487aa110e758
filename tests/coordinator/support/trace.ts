/**
 * What happened in a test, in order, over all its databases and its log.
 *
 * @module
 */

import { assert } from "@std/assert";

/** The order of events in a test. */
export class Trace {
  readonly #entries: string[] = [];

  /** Every event so far. */
  get entries(): readonly string[] {
    return this.#entries;
  }

  /** Notes an event. */
  note(entry: string): void {
    this.#entries.push(entry);
  }

  /** How many events begin with a text. */
  count(start: string): number {
    return this.#entries.filter((entry) => entry.startsWith(start)).length;
  }

  /** The events that begin with one of some texts. */
  only(...starts: string[]): string[] {
    return this.#entries.filter((entry) => starts.some((start) => entry.startsWith(start)));
  }

  /** Forgets what happened so far. */
  clear(): void {
    this.#entries.length = 0;
  }

  /** Sees that both happened, and every one of the first kind before any of the second. */
  assertBefore(earlier: RegExp, later: RegExp): void {
    const last = this.#entries.findLastIndex((entry) => earlier.test(entry));
    const first = this.#entries.findIndex((entry) => later.test(entry));
    const order = this.#entries.join("\n  ");
    assert(last >= 0 && first >= 0, `not both of ${earlier} and ${later} happened:\n  ${order}`);
    assert(last < first, `${earlier} must come before ${later}:\n  ${order}`);
  }
}
