/**
 * A clock for very many timers of a few durations, most of which are taken back long before they run: all
 * timers of one duration share one timer of the machine. Each runs as late as it should, never earlier.
 * Setting and taking back costs no call to the machine and leaves nothing behind.
 *
 * Nor does it cost a look at the clock for each: timers that come upon others count from the end of the turn
 * in which they were set, when most of them are taken back already.
 *
 * What is due runs in the async context in which the clock was made: who happened to set the machine's timer has
 * nothing to do with it, and what his context carries is not kept for him.
 *
 * The machine's timer of a duration stays set when nobody needs it any more, but does not keep the process
 * alive then; {@linkcode SharedTimers.close} takes it back.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock, Timer } from "./clock.ts";

/** More durations than this do not share: they are single ones. */
const MAX_DURATIONS = 64;

/** A timer in the list of its duration, which is in the order in which they run. */
class SharedTimer<Argument> implements Timer {
  readonly #list: TimerList;
  #callback: ((argument: Argument) => void) | null;
  #argument: Argument | undefined;
  /** When it runs; `null` as long as it has no date. */
  due: number | null = null;
  previous: AnyTimer | null = null;
  next: AnyTimer | null = null;

  constructor(list: TimerList, callback: (argument: Argument) => void, argument?: Argument) {
    this.#list = list;
    this.#callback = callback;
    this.#argument = argument;
  }

  cancel(): void {
    if (this.#callback === null) return;
    this.#callback = null;
    this.#argument = undefined;
    this.#list.remove(this as AnyTimer);
  }

  run(): void {
    const [callback, argument] = [this.#callback, this.#argument];
    this.cancel();
    callback?.(argument as Argument);
  }
}

type AnyTimer = SharedTimer<unknown>;

/** The timers of one duration. */
class TimerList {
  readonly #clock: Clock;
  readonly #inContext: (set: () => Timer) => Timer;
  readonly #milliseconds: number;
  readonly #dateLater: (list: TimerList) => void;
  #first: AnyTimer | null = null;
  #last: AnyTimer | null = null;
  /** The first that was set in this turn and has no date yet; all behind it have none either. */
  #undated: AnyTimer | null = null;
  #willDate = false;
  #machine: Timer | null = null;

  constructor(
    clock: Clock,
    inContext: (set: () => Timer) => Timer,
    milliseconds: number,
    dateLater: (list: TimerList) => void,
  ) {
    this.#clock = clock;
    this.#inContext = inContext;
    this.#milliseconds = milliseconds;
    this.#dateLater = dateLater;
  }

  add<Argument>(callback: (argument: Argument) => void, argument?: Argument): Timer {
    const timer = new SharedTimer(this, callback, argument) as AnyTimer;
    if (this.#last === null) {
      timer.due = this.#clock.elapsed() + this.#milliseconds;
      this.#first = timer;
      if (this.#machine === null) this.#set(this.#milliseconds);
      else this.#machine.keepAlive?.(true);
    } else {
      timer.previous = this.#last;
      this.#last.next = timer;
      this.#undated ??= timer;
      if (!this.#willDate) this.#dateLater(this);
      this.#willDate = true;
    }
    this.#last = timer;
    return timer;
  }

  remove(timer: AnyTimer): void {
    const { previous, next } = timer;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    if (this.#undated === timer) this.#undated = next;
    // A timer that the collector has not found yet must not keep those after it from being collected.
    timer.previous = null;
    timer.next = null;
    if (this.#first === null) this.#machine?.keepAlive?.(false);
  }

  /** Dates those that were set in this turn. */
  date(now: number): void {
    for (let timer = this.#undated; timer !== null; timer = timer.next) {
      timer.due = now + this.#milliseconds;
    }
    this.#undated = null;
    this.#willDate = false;
  }

  close(): void {
    this.#machine?.cancel();
    this.#machine = null;
    if (this.#first !== null) this.#setFor(this.#first, this.#clock.elapsed());
  }

  #setFor({ due }: AnyTimer, now: number): void {
    this.#set(due === null ? this.#milliseconds : due - now);
  }

  #set(milliseconds: number): void {
    this.#machine = this.#inContext(() =>
      this.#clock.after(Math.max(0, milliseconds), () => this.#run())
    );
  }

  #run(): void {
    this.#machine = null;
    const now = this.#clock.elapsed();
    while (this.#first !== null && isDue(this.#first, now)) this.#first.run();
    if (this.#first !== null && this.#machine === null) this.#setFor(this.#first, now);
  }
}

function isDue({ due }: AnyTimer, now: number): boolean {
  return due !== null && due <= now;
}

/** A clock whose timers of the same duration share one. */
export class SharedTimers implements Clock {
  readonly #clock: Clock;
  readonly #inContext: (set: () => Timer) => Timer = AsyncLocalStorage.snapshot();
  readonly #lists = new Map<number, TimerList>();
  /** Those with timers that get their dates at the end of the turn. */
  #undated: TimerList[] = [];
  /** What the machine said in this turn when it was first asked with such timers set. */
  #now: number | null = null;

  /**
   * Begins with no timer.
   *
   * @param clock The machine's.
   */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As of the machine's clock; the same through the rest of a turn in which very many ask for something. */
  now(): number {
    if (this.#undated.length === 0) return this.#clock.now();
    this.#now ??= this.#clock.now();
    return this.#now;
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
  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    const list = this.#lists.get(milliseconds) ?? this.#begin(milliseconds);
    if (list === null) return this.#clock.after(milliseconds, callback, argument);
    return list.add(callback, argument);
  }

  /** A list for a new duration; `null` if there are too many. Apart, as what it makes takes a scope. */
  #begin(milliseconds: number): TimerList | null {
    if (this.#lists.size >= MAX_DURATIONS) return null;
    const dateLater = (list: TimerList) => this.#dateLater(list);
    const list = new TimerList(this.#clock, this.#inContext, milliseconds, dateLater);
    this.#lists.set(milliseconds, list);
    return list;
  }

  /** Takes back what nobody needs; timers that are still set run. */
  close(): void {
    for (const list of this.#lists.values()) list.close();
  }

  #dateLater(list: TimerList): void {
    this.#undated.push(list);
    if (this.#undated.length === 1) this.#clock.soon(() => this.#date());
  }

  #date(): void {
    const now = this.#clock.elapsed();
    const lists = this.#undated;
    this.#undated = [];
    this.#now = null;
    for (const list of lists) list.date(now);
  }
}
