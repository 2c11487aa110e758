/**
 * The time of a simulated world. It goes from event to event and stands still in between, until
 * everything has run that is ready to run. Callbacks run in an order that depends on nothing but
 * the calls: by their time, and then by their age.
 */

import type { Clock, Timer } from "../../../src/platform/clock.ts";
import { emptyMicrotasks } from "../manual_clock.ts";

interface Event {
  readonly due: number;
  readonly order: number;
  /** `null` once it has run or was taken back. */
  callback: (() => void) | null;
}

/** Time that passes only when it is told to. */
export class VirtualClock implements Clock {
  readonly #events: Event[] = [];
  #soon: (() => void)[] = [];
  #elapsed = 0;
  #order = 0;
  #wall: number;

  /** Starts at that wall time, in milliseconds since 1970. */
  constructor(wall: number = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  after<Argument>(
    milliseconds: number,
    callback: (argument: Argument) => void,
    argument?: Argument,
  ): Timer {
    const due = this.#elapsed + Math.max(0, milliseconds);
    const event: Event = {
      due,
      order: this.#order++,
      callback: () => callback(argument as Argument),
    };
    this.#push(event);
    return {
      cancel: () => {
        event.callback = null;
      },
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Sets the wall clock forward or back, as an operator or a time server does. No timer cares. */
  jump(milliseconds: number): void {
    this.#wall += milliseconds;
  }

  /**
   * Lets time pass, event by event.
   *
   * @param milliseconds How much.
   * @param between Is waited for behind each event, while time stands still.
   */
  async pass(milliseconds: number, between: () => Promise<void> | void = () => {}): Promise<void> {
    const end = this.#elapsed + milliseconds;
    await this.settle();
    for (
      let next = this.#events[0];
      next !== undefined && next.due <= end;
      next = this.#events[0]
    ) {
      this.#pop();
      if (next.callback === null) continue;
      this.#elapsed = next.due;
      next.callback();
      await this.settle();
      await between();
    }
    this.#elapsed = end;
  }

  /** Runs everything that can run without time passing. */
  async settle(): Promise<void> {
    do await emptyMicrotasks(); while (this.#runSoon() > 0);
  }

  #runSoon(): number {
    const ready = this.#soon;
    this.#soon = [];
    for (const callback of ready) callback();
    return ready.length;
  }

  #push(event: Event): void {
    const heap = this.#events;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
