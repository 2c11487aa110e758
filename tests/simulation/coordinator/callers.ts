/**
 * Callers: each runs one transaction that writes its id, and to a row that only one transaction at
 * a time may write to, in some databases. What it hears is kept only if its process still lives.
 */

import {
  CoordinatorClosedError,
  HeuristicOutcomeError,
  OutcomeUnknownError,
  TransactionAbortedError,
} from "../../../src/coordinator/errors.ts";
import type { TransactionOptions } from "../../../src/coordinator/options.ts";
import type { Transaction } from "../../../src/coordinator/transaction.ts";
import { sleep } from "../../../src/platform/clock.ts";
import { LogUnavailableError } from "../../../src/wal/errors.ts";
import type { SeededRandom } from "../seeded_random.ts";
import type { Attempt, Heard } from "./evidence.ts";
import type { SimulatedCoordinator, SimulatedProcess } from "./process.ts";
import type { SimulatedClient } from "./simulated_branch.ts";
import { ConnectionLost, ServerError } from "./simulated_server.ts";
import type { World } from "./world.ts";

/** Rows on which callers wait for each other. */
const ROWS = 4;

type Clients = Readonly<Record<string, SimulatedClient>>;
type Begun = Transaction<Clients, Clients>;

/** What one caller means to do. */
export interface CallPlan {
  /** The participants that it begins with. */
  readonly names: readonly string[];
  /** Those that it enlists later. */
  readonly late: readonly string[];
  /** Those that it writes to. */
  readonly writes: readonly string[];
  readonly row: number;
  /** Milliseconds that it thinks before it writes, for each participant. */
  readonly thinking: readonly number[];
  readonly ending: "return" | "throw" | "roll back" | "commit";
  /** Whether it uses `begin` rather than `transaction`. */
  readonly isManual: boolean;
  readonly timeout: number;
  /** Milliseconds after which it gives up; `null` if it does not. */
  readonly abortAfter: number | null;
  /** How often it may be tried again. */
  readonly retry: number;
}

const ENDINGS: readonly CallPlan["ending"][] = [
  "return",
  "return",
  "return",
  "return",
  "return",
  "commit",
  "throw",
  "roll back",
];

/** Draws what a caller means to do. */
export function drawPlan(random: SeededRandom, servers: readonly string[]): CallPlan {
  const count = random.chance(0.85) ? 2 + random.below(servers.length - 1) : 1;
  const names = random.shuffle(servers).slice(0, count);
  const begin = random.chance(0.15) ? 1 : names.length;
  return {
    names: names.slice(0, begin),
    late: names.slice(begin),
    writes: names.filter(() => random.chance(0.9)),
    row: random.below(ROWS),
    thinking: names.map(() => random.chance(0.1) ? random.below(500) : 0),
    ending: random.pick(ENDINGS),
    isManual: random.chance(0.2),
    timeout: 1 + random.below(random.chance(0.15) ? 300 : 15_000),
    abortAfter: random.chance(0.1) ? random.below(1_000) : null,
    retry: random.chance(0.15) ? 1 + random.below(2) : 0,
  };
}

/** Thrown by callers that change their mind. */
class ChangeOfMind extends Error {
  override readonly name = "ChangeOfMind";
}

/** Runs one transaction in the present process, if it is open. */
export async function call(world: World, plan: CallPlan): Promise<void> {
  const { coordinator, process } = world;
  if (process === null || coordinator === null) return;
  await new Call(world, process, plan).run(coordinator);
}

class Call {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #plan: CallPlan;
  #attempt: Attempt | null = null;

  constructor(world: World, process: SimulatedProcess, plan: CallPlan) {
    this.#world = world;
    this.#process = process;
    this.#plan = plan;
  }

  async run(coordinator: SimulatedCoordinator): Promise<void> {
    const { names, isManual, ending, retry } = this.#plan;
    const options = { ...this.#options(), label: `a caller of ${names}` };
    const work = (clients: Clients, one: Begun) => this.#work(coordinator, clients, one);
    try {
      if (isManual) await this.#runByHand(coordinator, options);
      else await coordinator.transaction(names, work, { ...options, retry });
      this.#hear(ending === "roll back" ? "aborted" : "committed");
    } catch (error) {
      this.#hear(this.#heardOf(error), error);
    }
  }

  async #runByHand(coordinator: SimulatedCoordinator, options: TransactionOptions): Promise<void> {
    await using transaction = await coordinator.begin(this.#plan.names, options);
    await this.#work(coordinator, transaction.clients, transaction);
    if (this.#plan.ending === "return") await transaction.commit();
  }

  async #work(
    coordinator: SimulatedCoordinator,
    clients: Clients,
    transaction: Begun,
  ): Promise<void> {
    const { clock, timeline } = this.#world;
    const { ending, late, names, row, thinking, writes } = this.#plan;
    const attempt = this.#begin(`${coordinator.id}_${transaction.id}`);
    timeline.note(`a caller begins ${attempt.id} with ${names}, later ${late}`);
    for (const [index, name] of [...names, ...late].entries()) {
      const client = clients[name] ?? await transaction.enlist(name);
      if (!writes.includes(name)) continue;
      const pause = thinking[index] ?? 0;
      if (pause > 0) await sleep(clock, pause);
      attempt.wrote.push(name);
      await client.write(attempt.id, row);
    }
    if (ending === "throw") throw new ChangeOfMind();
    if (ending === "roll back") await transaction.rollback().catch(() => {});
    if (ending === "commit") await transaction.commit();
  }

  #begin(id: string): Attempt {
    const { clock, evidence } = this.#world;
    const attempt: Attempt = {
      id,
      process: this.#process.number,
      begun: clock.elapsed(),
      names: [...this.#plan.names, ...this.#plan.late],
      wrote: [],
      heard: "nothing",
      heardAt: Infinity,
      isLogDoubt: false,
    };
    // It is tried again only if nothing of the last try has happened.
    if (this.#attempt !== null) this.#attempt.heard = "aborted";
    this.#attempt = attempt;
    if (!this.#process.isDead) evidence.attempts.push(attempt);
    return attempt;
  }

  #options(): TransactionOptions {
    const { abortAfter, timeout } = this.#plan;
    if (abortAfter === null) return { timeout };
    const controller = new AbortController();
    this.#world.clock.after(abortAfter, () => controller.abort());
    return { timeout, signal: controller.signal };
  }

  #hear(heard: Heard, error?: unknown): void {
    const { clock, timeline } = this.#world;
    if (this.#process.isDead || this.#attempt === null) return;
    this.#attempt.heard = heard;
    this.#attempt.heardAt = clock.elapsed();
    this.#attempt.isLogDoubt = error instanceof Error && error.cause instanceof LogUnavailableError;
    timeline.note(`the caller of ${this.#attempt.id} hears: ${heard} ${error ?? ""}`);
  }

  #heardOf(error: unknown): Heard {
    if (error instanceof OutcomeUnknownError) return "unknown";
    if (error instanceof HeuristicOutcomeError) return "heuristic";
    if (error instanceof TransactionAbortedError) return "aborted";
    const isOwn = error instanceof ChangeOfMind || error instanceof ServerError ||
      error instanceof ConnectionLost || error instanceof CoordinatorClosedError ||
      // The client of a transaction whose time is up refuses use.
      error instanceof TypeError;
    if (!isOwn && !this.#process.isDead) {
      this.#world.evidence.surprises.push(`a caller heard ${error}`);
    }
    return "own error";
  }
}
