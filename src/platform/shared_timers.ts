/**
 * A clock for very many timers of a few durations, most of which are taken back long before they run: all
 * timers of one duration share one timer of the machine. Each runs as late as it should, never earlier.
 * Setting and taking back costs no call to the machine and leaves nothing behind.
 *
 * The machine's timer of a duration stays set when nobody needs it any more, but does not keep the process
 * alive then; {@linkcode SharedTimers.close} takes it back.
 *
 * @module
 */

import type { Clock, Timer } from "./clock.ts";

/** More durations than this do not share: they are single ones. */
const MAX_DURATIONS = 64;

/** A timer in the list of its duration, which is in the order in which they run. */
class SharedTimer implements Timer {
  readonly #list: TimerList;
  readonly due: number;
  callback: (() => void) | null;
  previous: SharedTimer | null = null;
  next: SharedTimer | null = null;

  constructor(list: TimerList, due: number, callback: () => void) {
    this.#list = list;
    this.due = due;
    this.callback = callback;
  }

  cancel(): void {
    if (this.callback === null) return;
    this.callback = null;
    this.#list.remove(this);
  }
}

/** The timers of one duration. */
class TimerList {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  #first: SharedTimer | null = null;
  #last: SharedTimer | null = null;
  #machine: Timer | null = null;

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  add(callback: () => void): Timer {
    const timer = new SharedTimer(this, this.#clock.elapsed() + this.#milliseconds, callback);
    if (this.#last === null) {
      this.#first = timer;
      if (this.#machine === null) this.#set(this.#milliseconds);
      else this.#machine.keepAlive?.(true);
    } else {
      timer.previous = this.#last;
      this.#last.next = timer;
    }
    this.#last = timer;
    return timer;
  }

  remove(timer: SharedTimer): void {
    const { previous, next } = timer;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    // A timer that the collector has not found yet must not keep those after it from being collected.
    timer.previous = null;
    timer.next = null;
    if (this.#first === null) this.#machine?.keepAlive?.(false);
  }

  close(): void {
    this.#machine?.cancel();
    this.#machine = null;
    if (this.#first !== null) this.#set(this.#first.due - this.#clock.elapsed());
  }

  #set(milliseconds: number): void {
    this.#machine = this.#clock.after(Math.max(0, milliseconds), () => this.#run());
  }

  #run(): void {
    this.#machine = null;
    const now = this.#clock.elapsed();
    while (this.#first !== null && this.#first.due <= now) {
      const { callback } = this.#first;
      this.#first.cancel();
      callback?.();
    }
    if (this.#first !== null && this.#machine === null) this.#set(this.#first.due - now);
  }
}

/** A clock whose timers of the same duration share one. */
export class SharedTimers implements Clock {
  readonly #clock: Clock;
  readonly #lists = new Map<number, TimerList>();

  /**
   * Begins with no timer.
   *
   * @param clock The machine's.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As of the machine's clock. */
  now(): number {
    return this.#clock.now();
  }

  /** As of the machine's clock. */
  elapsed(): number {
    return this.#clock.elapsed();
  }

  /** As of the machine's clock. */
  soon(callback: () => void): void {
    this.#clock.soon(callback);
  }

  /** As of the machine's clock; see there. */
  after(milliseconds: number, callback: () => void): Timer {
    let list = this.#lists.get(milliseconds);
    if (list === undefined) {
      if (this.#lists.size >= MAX_DURATIONS) return this.#clock.after(milliseconds, callback);
      list = new TimerList(this.#clock, milliseconds);
      this.#lists.set(milliseconds, list);
    }
    return list.add(callback);
  }

  /** Takes back what nobody needs; timers that are still set run. */
  close(): void {
    for (const list of this.#lists.values()) list.close();
  }
}
