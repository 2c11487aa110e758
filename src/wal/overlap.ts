/**
 * Whether a batch goes ahead of the rest of its company, so that some of the callers work while another thread
 * syncs what the others wait for.
 *
 * Of few callers, or on a slow disk, all had better wait for the same sync: it costs little more than one for half
 * of them. Where many have as much to do between two syncs as a sync takes, it costs nothing beside that: the
 * company is then parted in two. Both are measured, and nothing changes before several batches in a row speak
 * for it.
 *
 * @module
 */

import type { Clock } from "../platform/clock.ts";

/** Fewer are never parted. */
const MIN_COMPANY = 64;

/** How much work, as a part of what the sync takes, makes it worth while. */
const ENOUGH_WORK = 0.75;

/** Which part of the company goes ahead: less than half, so that those behind are always enough, too. */
const AHEAD = 1 / 3;

/** More than ever wait. */
const NEVER = 0x3fff_ffff;

/** So many batches in a row must speak for a change. */
const BATCHES_TO_CHANGE = 8;

/** What the callers of a log do while others of them wait. */
export class Overlap {
  readonly #clock: Clock;
  /** How many batches in a row spoke for a change. */
  #against = 0;
  /** How many waited for the last batch. */
  #last = 0;
  /** How many go ahead. */
  #enough = NEVER;
  /** When the write of the last batch began, in milliseconds. */
  #begun = 0;
  /** When its sync had ended; `null` if that was not looked at. */
  #ended: number | null = null;
  /** Milliseconds that the last ones who went on had to do until all of them waited again; `null` if not known. */
  #work: number | null = null;
  /** Since when nothing is left to do but to wait for the sync; `null` if there is. */
  #idleSince: number | null = null;
  #turnAsked = false;

  /**
   * Begins without.
   *
   * @param clock Measures, and gives turns.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether batches go ahead at present, and so are synced by another thread whatever that costs. */
  get isOn(): boolean {
    return this.#enough < NEVER;
  }

  /** How many who wait make a batch that goes ahead; none are enough if it is not worth while. */
  get enough(): number {
    return this.#enough;
  }

  /**
   * Takes note that the write of a batch begins.
   *
   * @param waiting How many wait for it.
   */
  begin(waiting: number): void {
    if (this.isOn || waiting < MIN_COMPANY) return;
    this.#begun = this.#clock.elapsed();
    this.#work = this.#ended === null ? null : this.#begun - this.#ended;
  }

  /**
   * Takes note that the sync of a batch has ended: those who waited for it go on.
   *
   * @param waiting How many they are.
   */
  end(waiting: number): void {
    if (waiting === 0) return;
    const wasOn = this.isOn;
    const company = wasOn ? this.#last + waiting : waiting;
    this.#last = waiting;
    if (company < MIN_COMPANY) return this.#rest();
    const now = this.#clock.elapsed();
    this.#against = this.#isWorthWhile(now) === wasOn ? 0 : this.#against + 1;
    const changes = this.#against >= BATCHES_TO_CHANGE;
    if (changes) this.#against = 0;
    const isOn = wasOn !== changes;
    this.#enough = isOn ? Math.ceil(company * AHEAD) : NEVER;
    this.#idleSince = null;
    this.#ended = now;
    if (isOn && !this.#turnAsked) this.#askTurn();
  }

  #isWorthWhile(now: number): boolean {
    if (this.#work === null) return this.isOn;
    if (!this.isOn) return this.#work > 0 && this.#work >= ENOUGH_WORK * (now - this.#begun);
    return this.#idleSince === null || now - this.#idleSince <= this.#work;
  }

  /** The turn comes when those who went on have done all they had to. */
  #askTurn(): void {
    this.#turnAsked = true;
    this.#clock.soon(() => {
      this.#turnAsked = false;
      if (this.#ended === null) return;
      this.#idleSince = this.#clock.elapsed();
      this.#work = this.#idleSince - this.#ended;
    });
  }

  #rest(): void {
    this.#enough = NEVER;
    this.#against = 0;
    this.#ended = null;
    this.#work = null;
    this.#idleSince = null;
  }
}
