/**
 * Tells of branches of other coordinators that have been prepared for so long that whoever drives them may be
 * gone with its log. Those that merely pass by are not told of: where several coordinators share databases,
 * each sees some of the others' at nearly every look.
 *
 * @module
 */

import type { Clock } from "../platform/clock.ts";
import type { ForeignBranch } from "./sweep.ts";

/** Milliseconds for which a branch must have been prepared. */
export const LEFT_MS = 30_000;

/** Takes what is to be told: branches of one other coordinator in one participant. */
export type ForeignListener = (
  participant: string,
  coordinator: string,
  gids: readonly string[],
) => void;

/** What was seen of other coordinators at the participants of one. */
export class ForeignBranches {
  readonly #clock: Clock;
  readonly #tell: ForeignListener;
  /** When each branch was seen first that was there at the last look, by participant. */
  readonly #seen = new Map<string, ReadonlyMap<string, number>>();
  /** The coordinators of which there was something to tell at the last look, by participant. */
  readonly #told = new Map<string, ReadonlySet<string>>();

  /**
   * Begins with nothing seen.
   *
   * @param clock Says how long a branch has been there.
   * @param tell Hears of each coordinator once, and again when none of its branches was left in between.
   */
  constructor(clock: Clock, tell: ForeignListener) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /**
   * Takes what was found at a look.
   *
   * @param participant Where.
   * @param found All branches of others there.
   */
  look(participant: string, found: readonly ForeignBranch[]): void {
    const [now, date] = [this.#clock.elapsed(), this.#clock.now()];
    const before = this.#seen.get(participant);
    const seen = new Map(found.map(({ gid }) => [gid, before?.get(gid) ?? now]));
    this.#seen.set(participant, seen);
    // Some databases say since when, by a clock of their own; of others only what was seen here is known.
    const left = found.filter(({ gid, since }) =>
      now - seen.get(gid)! >= LEFT_MS || date - since.getTime() >= LEFT_MS
    );
    const coordinators = Map.groupBy(left, ({ coordinator }) => coordinator);
    const told = this.#told.get(participant);
    this.#told.set(participant, new Set(coordinators.keys()));
    for (const [coordinator, branches] of coordinators) {
      if (told?.has(coordinator)) continue;
      this.#tell(participant, coordinator, branches.map(({ gid }) => gid));
    }
  }
}
