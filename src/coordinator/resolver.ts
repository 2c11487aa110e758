/**
 * Ends branches that were not ended on the way: tries each until its database has truly answered. Each
 * branch has its own delays, with back-off; each participant has its own queue, so that an outage of one
 * holds up no other.
 *
 * "No such branch" is a question, not an answer. After a decision to commit, the branch's outcome token
 * tells *already committed* from *rolled back by someone else*; the second is a heuristic outcome, which
 * is kept and shown, never ended in silence. For a branch that is to be rolled back it means that there
 * is nothing to roll back now; should its PREPARE arrive later still, the sweep finds it.
 *
 * @module
 */

import { type Clock, type Timer, within } from "../platform/clock.ts";
import type { Randomness } from "../platform/randomness.ts";
import { backoffDelay } from "./backoff.ts";
import type { HeuristicBranch } from "./errors.ts";
import type { CoordinatorEventListener } from "./events.ts";
import type { Member } from "./member.ts";
import type { Participant, SettleAnswer } from "./participant.ts";
import type { Settlement, UnsettledBranch } from "./settlement.ts";

/** How long one try may take before it counts as failed. */
const TRY_TIMEOUT_MS = 30_000;
/** How long a branch rests that needs a person. */
const STUCK_DELAY_MS = 60_000;

interface Task {
  readonly settlement: Settlement;
  readonly branch: UnsettledBranch;
  readonly tried: PromiseWithResolvers<void>;
  failures: number;
  timer: Timer | null;
}

/** What one try came to: a question was asked further until it became an answer. */
type TryAnswer =
  | Exclude<SettleAnswer, { kind: "absent" }>
  | { readonly kind: "heuristic"; readonly outcome: HeuristicBranch["outcome"] };

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
}

/** Settles branches until they are settled. */
export class Resolver {
  readonly #options: ResolverOptions;
  readonly #tasks = new Map<string, Task>();
  readonly #queues = new Map<string, Task[]>();
  readonly #workers = new Map<string, Promise<void>>();
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

  /**
   * Takes over a branch. A branch that it has already is left as it is.
   *
   * @param settlement The settling that the branch belongs to.
   * @param branch The branch.
   * @param answer What its database said already, if it was asked.
   * @returns Resolves when the branch has been tried once, whatever came of it.
   */
  take(settlement: Settlement, branch: UnsettledBranch, answer?: SettleAnswer): Promise<void> {
    const known = this.#tasks.get(branch.gid);
    if (known !== undefined) return known.tried.promise;
    const tried = Promise.withResolvers<void>();
    const task: Task = { settlement, branch, tried, failures: 0, timer: null };
    this.#tasks.set(branch.gid, task);
    if (answer === undefined || answer.kind === "absent") this.#queue(task);
    else this.#note(task, answer);
    return tried.promise;
  }

  /** Tries at once what waits for a participant that has come back. */
  wake(participant: string): void {
    for (const task of this.#tasks.values()) {
      if (task.branch.participant === participant && task.timer !== null) this.#queue(task);
    }
  }

  /** Stops trying; what is under way is waited for. Branches left stay in the log. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#tasks.values()) task.timer?.cancel();
    this.#queues.clear();
    await Promise.all(this.#workers.values());
  }

  #queue(task: Task): void {
    task.timer?.cancel();
    task.timer = null;
    if (this.#closed) return;
    const { participant } = task.branch;
    const queue = this.#queues.get(participant) ?? [];
    queue.push(task);
    this.#queues.set(participant, queue);
    if (!this.#workers.has(participant)) {
      this.#workers.set(participant, this.#work(participant));
    }
  }

  async #work(participant: string): Promise<void> {
    // A turn later, so that `#queue` has noted this worker before it can end.
    await Promise.resolve();
    let task: Task | undefined;
    while ((task = this.#queues.get(participant)?.shift()) !== undefined) {
      this.#note(task, await this.#try(task));
    }
    this.#workers.delete(participant);
  }

  async #try({ settlement, branch }: Task): Promise<TryAnswer> {
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
    const trying = settlement.verdict === "commit"
      ? commit(member, branch)
      : rollBack(member.participant, branch);
    const answer = trying.catch((error): TryAnswer => ({ kind: "later", error }));
    return await within(this.#options.clock, answer, TRY_TIMEOUT_MS, late);
  }

  #note(task: Task, answer: TryAnswer): void {
    const { clock, randomness, onEvent } = this.#options;
    const { settlement, branch } = task;
    task.tried.resolve();
    const name = {
      transactionId: String(settlement.txn),
      participant: branch.participant,
      gid: branch.gid,
    };
    if (answer.kind === "done") {
      const outcome = settlement.verdict === "commit" ? "committed" : "rolled back";
      this.#finish(task);
      onEvent({ type: "branch-settled", ...name, outcome });
    } else if (answer.kind === "heuristic") {
      const { participant, gid } = branch;
      this.#finish(task, { participant, gid, outcome: answer.outcome });
      onEvent({ type: "heuristic-outcome", ...name, outcome: answer.outcome });
    } else {
      task.failures++;
      const stuck = answer.kind === "operator";
      onEvent({ type: stuck ? "branch-stuck" : "branch-delayed", ...name, error: answer.error });
      if (this.#closed) return;
      const delay = stuck ? STUCK_DELAY_MS : backoffDelay(task.failures, randomness);
      task.timer = clock.after(delay, () => this.#queue(task));
    }
  }

  #finish(task: Task, heuristic?: HeuristicBranch): void {
    this.#tasks.delete(task.branch.gid);
    task.settlement.settle(task.branch.gid, heuristic);
  }
}

async function commit(member: Member, branch: UnsettledBranch): Promise<TryAnswer> {
  const { participant, identity } = member;
  const answer = await participant.commitPrepared(branch.gid);
  if (answer.kind !== "absent") return answer;
  if (branch.token === null) return { kind: "heuristic", outcome: "unknown" };
  const outcome = await participant.outcomeOf(branch.token, identity ?? "");
  switch (outcome) {
    case "committed":
    case "unproven":
      return { kind: "done" };
    case "other database": {
      const error = new Error(
        `Cannot commit ${branch.gid}: another database answers in the place of "${member.name}", ` +
          "connect the one that prepared it",
      );
      return { kind: "operator", error };
    }
    case "aborted":
      return { kind: "heuristic", outcome: "rolled back" };
    case "unknown":
      return { kind: "heuristic", outcome: "unknown" };
    case "in progress": {
      const error = new Error(
        `Cannot commit ${branch.gid}: its transaction is in progress, but not prepared by this name`,
      );
      return { kind: "later", error };
    }
  }
}

async function rollBack(
  participant: Participant<unknown>,
  branch: UnsettledBranch,
): Promise<TryAnswer> {
  const answer = await participant.rollbackPrepared(branch.gid);
  return answer.kind === "absent" ? { kind: "done" } : answer;
}
