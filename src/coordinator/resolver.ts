/**
 * Ends branches that were not ended on the way: tries each until its database has truly answered. Each
 * branch has its own delays, with back-off; each participant has its own queue with a few workers, so that
 * an outage of one holds up no other, and ten thousand branches do not take every connection.
 *
 * While a participant gives no useful answer, one branch at a time is tried there, with back-off: how
 * often a database that is down is asked does not grow with what waits for it.
 *
 * @module
 */

import { type Clock, type Timer, within } from "../platform/clock.ts";
import type { Randomness } from "../platform/randomness.ts";
import { backoffDelay } from "./backoff.ts";
import type { CoordinatorEventListener } from "./events.ts";
import type { Member } from "./member.ts";
import type { SettleAnswer } from "./participant.ts";
import { type TryAnswer, tryToSettle } from "./settling.ts";
import type { Settlement, UnsettledBranch } from "./settlement.ts";

/** How long one try may take before it counts as failed. */
const TRY_TIMEOUT_MS = 30_000;
/** How long a branch rests that needs a person. */
const STUCK_DELAY_MS = 60_000;
/** How many branches are tried at once in one participant. */
const MAX_WORKERS = 4;

interface Task {
  readonly settlement: Settlement;
  readonly branch: UnsettledBranch;
  readonly tried: PromiseWithResolvers<void>;
  readonly progress: BranchProgress;
  timer: Timer | null;
}

interface Queue {
  readonly tasks: Task[];
  readonly workers: Set<Promise<void>>;
  /** How many tries in a row had no useful answer. */
  failures: number;
  /** Set while the participant rests. */
  rest: Timer | null;
}

/** How far the settling of a branch has come. */
export interface BranchProgress {
  /** How often it was tried. */
  tries: number;
  /** Milliseconds since 1970 of the next try; `null` while it is tried or waits for its turn. */
  nextTry: number | null;
  /** What the last try came to; `null` if it was not tried. */
  lastError: unknown;
  /** Whether the last answer was one that calls for a person. */
  stuck: boolean;
}

/** What a resolver works with. */
export interface ResolverOptions {
  /** The participants by name. */
  readonly members: ReadonlyMap<string, Member>;
  /** The source of time. */
  readonly clock: Clock;
  /** For the jitter. */
  readonly randomness: Randomness;
  /** Hears what happens. */
  readonly onEvent: CoordinatorEventListener;
  /** Hears that a participant may be another database than it was, or no longer take writes. */
  readonly onSuspect?: (participant: string) => void;
  /** Hears that a branch which may have been prepared was not there: its PREPARE may be late. */
  readonly onAbsent?: (participant: string) => void;
  /** Hears of a branch that did not end as its transaction did, of which the log holds nothing. */
  readonly onUnlogged?: (settlement: Settlement) => void;
}

/** Settles branches until they are settled. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #queues = new Map<string, Queue>();
  #closed = false;

  /**
   * Begins with nothing to do.
   *
   * @param options What it works with.
   */
  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** How many branches are not settled. */
  get pending(): number {
    return this.#tasks.size;
  }

  /** Whether a branch is being settled already. */
  has(gid: string): boolean {
    return this.#tasks.has(gid);
  }

  /** How far the settling of a branch has come; `null` if it is not here. */
  progressOf(gid: string): BranchProgress | null {
    return this.#tasks.get(gid)?.progress ?? null;
  }

  /**
   * Takes over a branch. A branch that it has already is left as it is.
   *
   * @param settlement The settling that the branch belongs to.
   * @param branch The branch.
   * @param answer What its database said already instead of "done", if it was asked.
   * @returns Resolves when the branch has been tried once, whatever came of it.
   */
  take(
    settlement: Settlement,
    branch: UnsettledBranch,
    answer?: Exclude<SettleAnswer, { kind: "done" }>,
  ): Promise<void> {
    const known = this.#tasks.get(branch.gid);
    if (known !== undefined) return known.tried.promise;
    const tried = Promise.withResolvers<void>();
    const progress = { tries: 0, nextTry: null, lastError: null, stuck: false };
    const task: Task = { settlement, branch, tried, progress, timer: null };
    this.#tasks.set(branch.gid, task);
    if (answer === undefined || answer.kind === "absent") this.#enqueue(task);
    else this.#note(task, answer);
    return tried.promise;
  }

  /** Leaves a branch alone from now on: an operator has ended it or given it up. */
  drop(gid: string): void {
    const task = this.#tasks.get(gid);
    if (task === undefined) return;
    task.timer?.cancel();
    task.tried.resolve();
    this.#tasks.delete(gid);
    const { tasks } = this.#queueOf(task.branch.participant);
    const at = tasks.indexOf(task);
    if (at >= 0) tasks.splice(at, 1);
  }

  /** Tries at once what waits for a participant that has come back. */
  wake(participant: string): void {
    const queue = this.#queueOf(participant);
    queue.failures = 0;
    queue.rest?.cancel();
    queue.rest = null;
    for (const task of this.#tasks.values()) {
      if (task.branch.participant === participant && task.timer !== null) this.#enqueue(task);
    }
    this.#staff(participant);
  }

  /** Stops trying; what is under way is waited for. Branches left stay in the log. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#tasks.values()) task.timer?.cancel();
    for (const queue of this.#queues.values()) {
      queue.tasks.length = 0;
      queue.rest?.cancel();
      await Promise.all(queue.workers);
    }
  }

  #queueOf(participant: string): Queue {
    const known = this.#queues.get(participant);
    if (known !== undefined) return known;
    const queue: Queue = { tasks: [], workers: new Set(), failures: 0, rest: null };
    this.#queues.set(participant, queue);
    return queue;
  }

  #enqueue(task: Task): void {
    task.timer?.cancel();
    task.timer = null;
    task.progress.nextTry = null;
    if (this.#closed) return;
    this.#queueOf(task.branch.participant).tasks.push(task);
    this.#staff(task.branch.participant);
  }

  /** Sees that as many work at a participant's queue as may. */
  #staff(participant: string): void {
    const queue = this.#queueOf(participant);
    if (this.#closed || queue.rest !== null) return;
    const allowed = queue.failures > 0 ? 1 : MAX_WORKERS;
    while (queue.workers.size < Math.min(allowed, queue.workers.size + queue.tasks.length)) {
      const task = queue.tasks.shift()!;
      const worker = this.#work(participant, queue, task).finally(() => {
        queue.workers.delete(worker);
        this.#staff(participant);
      });
      queue.workers.add(worker);
    }
  }

  async #work(participant: string, queue: Queue, task: Task): Promise<void> {
    const answer = await this.#try(task);
    if (answer.kind !== "later") queue.failures = 0;
    else {
      queue.failures++;
      this.#restAt(participant, queue);
    }
    this.#note(task, answer);
  }

  #restAt(participant: string, queue: Queue): void {
    if (this.#closed || queue.rest !== null) return;
    const { clock, randomness } = this.#options;
    queue.rest = clock.after(backoffDelay(queue.failures, randomness), () => {
      queue.rest = null;
      this.#staff(participant);
    });
  }

  async #try({ settlement, branch, progress }: Task): Promise<TryAnswer> {
    progress.tries++;
    const member = this.#options.members.get(branch.participant);
    if (member === undefined) {
      const error = new Error(
        `Cannot settle ${branch.gid}: participant "${branch.participant}" was not given to this ` +
          "coordinator, open it with that participant",
      );
      return { kind: "operator", error };
    }
    if (member.error !== null) return { kind: "later", error: member.error };
    const late: TryAnswer = {
      kind: "later",
      error: new Error(`No answer within ${TRY_TIMEOUT_MS} ms`),
    };
    const answer = tryToSettle(settlement.verdict, member, branch)
      .catch((error): TryAnswer => ({ kind: "later", error }));
    return await within(this.#options.clock, answer, TRY_TIMEOUT_MS, late);
  }

  #note(task: Task, answer: TryAnswer): void {
    const { settlement, branch, tried } = task;
    tried.resolve();
    // An operator may have ended it while it was tried.
    if (this.#tasks.get(branch.gid) !== task) return;
    const { participant, gid } = branch;
    const name = { transactionId: settlement.id, participant, gid };
    if (answer.kind === "done") {
      this.#tasks.delete(gid);
      const { outcome } = answer;
      if (outcome === "absent") {
        settlement.settle(gid, "unknown");
        this.#options.onAbsent?.(participant);
      } else {
        this.#options.onEvent({ type: "branch-settled", ...name, outcome });
        settlement.settle(gid, outcome);
      }
    } else if (answer.kind === "heuristic") {
      const { outcome } = answer;
      this.#tasks.delete(gid);
      this.#options.onEvent({ type: "heuristic-outcome", ...name, outcome });
      if (!settlement.logged) this.#options.onUnlogged?.(settlement);
      settlement.settle(gid, outcome, { participant, gid, outcome });
    } else this.#tryLater(task, answer);
  }

  #tryLater(task: Task, answer: Delayed): void {
    const { settlement, branch, progress } = task;
    const { clock, randomness, onEvent, onSuspect } = this.#options;
    const { participant, gid } = branch;
    const name = { transactionId: settlement.id, participant, gid };
    progress.stuck = answer.kind === "operator";
    progress.lastError = answer.error;
    onEvent({
      type: progress.stuck ? "branch-stuck" : "branch-delayed",
      ...name,
      error: answer.error,
    });
    if (answer.suspect) onSuspect?.(participant);
    if (this.#closed) return;
    const delay = progress.stuck
      ? STUCK_DELAY_MS
      : backoffDelay(Math.max(progress.tries, 1), randomness);
    progress.nextTry = clock.now() + delay;
    task.timer = clock.after(delay, () => this.#enqueue(task));
  }
}

type Delayed = Extract<TryAnswer, { kind: "later" | "operator" }>;
