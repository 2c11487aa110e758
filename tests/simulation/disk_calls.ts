/**
 * Every call that reaches a simulated disk passes here: it is counted, held if the test says so,
 * and let succeed, fail, fall short or lie as the plan of faults says. Plans count calls, so the
 * same plan hits the same calls again.
 */

import type { SeededRandom } from "./seeded_random.ts";

/** The kinds of calls that reach the disk. `close` is not among them: it cannot fail. */
export type CallKind =
  | "ensureDirectory"
  | "list"
  | "open"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "syncAncestors"
  | "read"
  | "write"
  | "syncData"
  | "size"
  | "clear"
  | "rewind"
  | "tryLock"
  | "tryShare"
  | "identify";

/** One call that reached the disk. */
export interface DiskCall {
  /** Counts the calls of all kinds from 1. */
  readonly number: number;
  readonly kind: CallKind;
  readonly path: string;
}

/**
 * What a fault does to a call. `fail`: it throws and may have had any part of its effect. `drop`:
 * the same, and where a sync failed everybody reads from then on what is on the disk, not what was
 * written. `short`: a read or a write moves at least one byte but not all. `lost` and `misplaced`
 * are lies: the call answers as if all were well, but a sync makes nothing durable, a write stores
 * a part or nothing, or all in the wrong place, a read gives zeros, or bytes of another time or
 * place. A call which the effect does not concern goes well.
 */
export type FaultEffect = "fail" | "drop" | "short" | "lost" | "misplaced";

/** A fault that is to come. */
export interface Fault {
  /** The calls that it concerns; all if absent. */
  readonly kind?: CallKind;
  /** How many of them go well before the first that it hits; 0 if absent. */
  readonly skip?: number;
  /** How many it hits, one after the other; 1 if absent. */
  readonly times?: number;
  /**
   * What it does.
   *
   * @default {"fail"}
   */
  readonly effect?: FaultEffect;
}

/** The error of a call that the plan let fail. */
export class DiskError extends Error {
  override readonly name = "DiskError";

  /** Names the call. */
  constructor(readonly call: DiskCall) {
    super(`The simulated disk failed call ${call.number}, ${call.kind} of ${call.path}`);
  }
}

/** What a call does to the disk. */
export interface Effect<T> {
  /** What it does when all goes well. */
  well(): T;
  /** What it does when it falls short; as if all went well, if absent. */
  short?(): T;
  /** What it leaves when it fails; if absent, everything or nothing. */
  fail?(): void;
  /** What it leaves when it fails and drops; as if it failed, if absent. */
  drop?(): void;
  /** What it does when it lies that way; as if all went well, if absent. */
  lost?(): T;
  /** The same. */
  misplaced?(): T;
}

/** Calls of one kind that wait until the test lets them go. */
export interface Hold {
  /** How many calls wait now. */
  readonly waiting: number;
  /** Lets all go, those that wait and those to come. */
  release(): void;
}

class Gate implements Hold {
  readonly #opened = Promise.withResolvers<void>();
  waiting = 0;

  async enter(): Promise<void> {
    this.waiting++;
    await this.#opened.promise;
    this.waiting--;
  }

  release(): void {
    this.#opened.resolve();
  }
}

type Fate = "well" | FaultEffect;

/** The calls of one disk. */
export class DiskCalls {
  readonly #random: SeededRandom;
  readonly #gates = new Map<CallKind, Gate>();
  #faults: { readonly fault: Fault; left: number }[] = [];

  /** Every call so far, in the order in which they were made. */
  readonly made: DiskCall[] = [];
  /** Is called when a call has had its effect, before its caller learns of it. */
  observer: (call: DiskCall) => void = () => {};

  /** The random numbers say what a failed call has done. */
  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Adds a fault; it counts calls from now on. */
  addFault(fault: Fault): void {
    this.#faults.push({ fault, left: fault.skip ?? 0 });
  }

  /** Takes all faults away. */
  clearFaults(): void {
    this.#faults = [];
  }

  /** Holds the asynchronous calls of one kind. */
  hold(kind: CallKind): Hold {
    const gate = new Gate();
    this.#gates.set(kind, gate);
    return gate;
  }

  /** Whether the asynchronous calls of a kind are held, or were. */
  isHeld(kind: CallKind): boolean {
    return this.#gates.has(kind);
  }

  /** Makes a call that answers at once. */
  now<T>(kind: CallKind, path: string, effect: Effect<T>): T {
    return this.#take(this.#begin(kind, path), effect);
  }

  /** Makes a call that answers later, and not before it is let go. */
  async later<T>(kind: CallKind, path: string, effect: Effect<T>): Promise<T> {
    const call = this.#begin(kind, path);
    await this.#gates.get(kind)?.enter();
    return this.#take(call, effect);
  }

  #begin(kind: CallKind, path: string): DiskCall {
    const call = { number: this.made.length + 1, kind, path };
    this.made.push(call);
    return call;
  }

  #take<T>(call: DiskCall, effect: Effect<T>): T {
    const fate = this.#fateOf(call.kind);
    try {
      if (fate !== "fail" && fate !== "drop") return (effect[fate] ?? effect.well).call(effect);
      if (fate === "drop" && effect.drop !== undefined) effect.drop();
      else this.#leave(effect);
      throw new DiskError(call);
    } finally {
      this.observer(call);
    }
  }

  #leave(effect: Effect<unknown>): void {
    if (effect.fail !== undefined) return effect.fail();
    if (this.#random.chance(0.5)) return;
    try {
      effect.well();
    } catch {
      // It would have failed in any case.
    }
  }

  /** Every call counts for every fault that concerns it. */
  #fateOf(kind: CallKind): Fate {
    let fate: Fate = "well";
    for (const planned of this.#faults) {
      const { fault } = planned;
      if (fault.kind !== undefined && fault.kind !== kind) continue;
      planned.left--;
      const isHit = planned.left < 0 && planned.left >= -(fault.times ?? 1);
      if (isHit && fate !== "fail") fate = fault.effect ?? "fail";
    }
    return fate;
  }
}
